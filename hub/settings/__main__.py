"""`python -m hub.settings` prints the settings page."""

import sys

from hub.settings.page import settings_page

sys.stdout.write(settings_page())
