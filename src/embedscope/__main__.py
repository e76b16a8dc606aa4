"""``python -m embedscope`` is ``embedscope``."""

from embedscope.cli.main import main

raise SystemExit(main())
