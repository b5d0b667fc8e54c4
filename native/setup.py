"""The extension module; everything else is in pyproject.toml, where setuptools calls extensions experimental."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "hub_native",
            ["hub_native.c"],
            py_limited_api=True,
            # Without debugging information: it would have the folder's name in it.
            extra_compile_args=["-O2", "-g0", "-Wall", "-Wextra"],
        )
    ],
    # One wheel for Python 3.11 and every later one.
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
