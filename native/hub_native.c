/* The fan-out of one notification to many sockets, compiled: hub/edge/batch_send.py says what it promises and does the same
 * in Python. A delivery touches one small object and makes one system call.
 *
 * The GIL is held throughout: nothing here waits, since every send has MSG_DONTWAIT. So no other thread changes the
 * dict or frees what is in it while it is walked. The only Python code that runs is the envelope's property for a form
 * that is needed, and it runs before the walk that sends. Stable ABI of Python 3.11: one build serves all later ones. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>
#include <structmember.h>
#include <sys/socket.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* Python ignores SIGPIPE */
#endif

typedef struct {
    PyObject_HEAD
    long long position; /* of the last notification that was written here past the transport */
    int descriptor;
    unsigned char form; /* index into FORMS */
    char is_clear;      /* whether the next bytes may go to the descriptor itself */
} SendSocket;

/* As hub/edge/batch_send.py has them; the first two are WebSocket's. */
static const char *const FORMS[] = {"frame", "deflated", "chunk", "event"};
enum { FORM_COUNT = 4, WEBSOCKET_FORMS = 2 };

static PyTypeObject *send_socket_type;

static PyObject *new_socket(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    int descriptor, form;
    if (keywords && PyDict_Size(keywords)) {
        PyErr_SetString(PyExc_TypeError, "SendSocket takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "ii:SendSocket", &descriptor, &form)) return NULL;
    if (form < 0 || form >= FORM_COUNT) {
        PyErr_SetString(PyExc_ValueError, "there is no such form");
        return NULL;
    }
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    SendSocket *self = (SendSocket *)allocate(type, 0);
    if (self) {
        self->descriptor = descriptor;
        self->form = (unsigned char)form;
    }
    return (PyObject *)self;
}

static void free_socket(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF((PyObject *)type);
}

static PyMemberDef socket_members[] = {
    {"position", T_LONGLONG, offsetof(SendSocket, position), 0, "the last notification that was written here"},
    {"descriptor", T_INT, offsetof(SendSocket, descriptor), READONLY, "the socket's"},
    {"form", T_UBYTE, offsetof(SendSocket, form), READONLY, "which of an envelope's finished forms is sent"},
    {"is_clear", T_BOOL, offsetof(SendSocket, is_clear), 0, "whether the next bytes may go to the socket itself"},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot socket_slots[] = {
    {Py_tp_doc, "SendSocket(descriptor, form): one connection as a fan-out sees it"},
    {Py_tp_new, new_socket},
    {Py_tp_dealloc, free_socket},
    {Py_tp_members, socket_members},
    {0, NULL},
};

static PyType_Spec socket_spec = {
    .name = "hub_native.SendSocket",
    .basicsize = sizeof(SendSocket),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = socket_slots,
};

static SendSocket *find_clear(PyObject *value, long long position) {
    if (Py_TYPE(value) != send_socket_type) return NULL;
    SendSocket *found = (SendSocket *)value;
    return found->is_clear && position > found->position ? found : NULL;
}

/* Append a new reference, which this takes; -1 where there was none or no memory. */
static int append(PyObject *list, PyObject *item) {
    int failed = item == NULL || PyList_Append(list, item);
    Py_XDECREF(item);
    return failed ? -1 : 0;
}

static int send_to_all(PyObject *registered, long long position, PyObject *const *bodies, long *counts, PyObject *left,
                       PyObject *cut) {
    PyObject *key, *value;
    Py_ssize_t place = 0;
    char *bytes[FORM_COUNT] = {NULL};
    Py_ssize_t sizes[FORM_COUNT] = {0};
    for (int form = 0; form < FORM_COUNT; form++)
        if (bodies[form] && PyBytes_AsStringAndSize(bodies[form], &bytes[form], &sizes[form])) return -1;
    while (PyDict_Next(registered, &place, &key, &value)) {
        SendSocket *to = find_clear(value, position);
        if (!to || !bytes[to->form]) {
            if (PyList_Append(left, key)) return -1;
            continue;
        }
        ssize_t sent = send(to->descriptor, bytes[to->form], sizes[to->form], MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) { /* full, or gone */
            to->is_clear = 0;
            if (PyList_Append(left, key)) return -1;
            continue;
        }
        to->position = position;
        counts[to->form >= WEBSOCKET_FORMS]++;
        if (sent < sizes[to->form]) {
            to->is_clear = 0;
            /* A new tuple can start the collector, which can run anything: the key is held before. */
            Py_INCREF(key);
            if (append(cut, Py_BuildValue("(N, n)", key, (Py_ssize_t)sent))) return -1;
        }
    }
    return 0;
}

static PyObject *send_batch(PyObject *module, PyObject *const *args, Py_ssize_t count) {
    (void)module;
    if (count != 2 || !PyDict_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "send_batch(registered: dict, envelope)");
        return NULL;
    }
    PyObject *registered = args[0], *envelope = args[1], *key, *value, *result = NULL;
    PyObject *attribute = PyObject_GetAttrString(envelope, "position");
    if (!attribute) return NULL;
    long long position = PyLong_AsLongLong(attribute);
    Py_DECREF(attribute);
    if (position == -1 && PyErr_Occurred()) return NULL;

    PyObject *bodies[FORM_COUNT] = {NULL}, *left = PyList_New(0), *cut = PyList_New(0);
    char is_needed[FORM_COUNT] = {0};
    long counts[2] = {0, 0};
    Py_ssize_t place = 0;
    if (!left || !cut) goto end;
    while (PyDict_Next(registered, &place, &key, &value)) {
        SendSocket *to = find_clear(value, position);
        if (to) is_needed[to->form] = 1;
    }
    for (int form = 0; form < FORM_COUNT; form++)
        if (is_needed[form] && !(bodies[form] = PyObject_GetAttrString(envelope, FORMS[form]))) goto end;
    if (send_to_all(registered, position, bodies, counts, left, cut)) goto end;
    result = Py_BuildValue("(O, O, l, l)", left, cut, counts[0], counts[1]);
end:
    for (int form = 0; form < FORM_COUNT; form++) Py_XDECREF(bodies[form]);
    Py_XDECREF(left);
    Py_XDECREF(cut);
    return result;
}

static PyMethodDef functions[] = {
    {"send_batch", (PyCFunction)(void (*)(void))send_batch, METH_FASTCALL,
     "send_batch(registered, envelope) -> (left, cut, websocket, sse); see hub/edge/batch_send.py"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "hub_native", .m_doc = "The hub's fan-out, compiled.", .m_size = -1,
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit_hub_native(void) {
    PyObject *module = PyModule_Create(&definition);
    if (!module) return NULL;
    send_socket_type = (PyTypeObject *)PyType_FromSpec(&socket_spec);
    if (!send_socket_type) goto fail;
    Py_INCREF((PyObject *)send_socket_type); /* one for the module, one for this file */
    if (PyModule_AddObject(module, "SendSocket", (PyObject *)send_socket_type)) {
        Py_DECREF((PyObject *)send_socket_type);
        goto fail;
    }
    if (PyModule_AddIntConstant(module, "CONTRACT", 1)) goto fail;
    return module;
fail:
    Py_DECREF(module);
    return NULL;
}
