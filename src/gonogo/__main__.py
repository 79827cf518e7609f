"""``python -m gonogo`` is the ``gonogo`` command."""

from gonogo.cli.main import main

main()
