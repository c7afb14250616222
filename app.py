"""The studio as a hosted demo, such as a Space of Hugging Face: `python app.py`.

Limits are set by environment variables, see docs/how-to/studio.md. Every visitor has a history of
their own, which ends with the visit.
"""

from __future__ import annotations

import os
from pathlib import Path

from entoptic.studio.limits import Limits
from entoptic.studio.server import application, listening, serve
from entoptic.studio.studio import Studio

limits = Limits.of(
    os.environ, size=768, steps=400, seconds=10, queue=10, upload=16, folder=200, private=1
)
port = int(os.environ.get("PORT", "7860"))

if __name__ == "__main__":
    with listening("0.0.0.0", port) as found:
        studio = Studio(Path(os.environ.get("ENTOPTIC_STUDIO_HOME", "entoptic-studio")), limits)
        print(f"The studio is at port {port}.", flush=True)
        serve(application(studio, local=False), found)
