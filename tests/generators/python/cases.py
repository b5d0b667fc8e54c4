"""What every program here is told by the script that runs it."""

import os

URL = os.environ["HUB_URL"]
KEY = os.environ["HUB_KEY"]
TOKEN = os.environ["HUB_TOKEN"]
CURSOR = os.environ["HUB_CURSOR"]
USER = os.environ["HUB_USER"]
ACCOUNT = os.environ["HUB_ACCOUNT"]

TITLE = "Título"
MESSAGE = "Mensagem"
ITEMS = [{"productId": 77, "name": "Caixa 30x20", "quantity": 2}]
