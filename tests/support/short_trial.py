"""A trial of a second that looks like a training from outside: two processes and metrics.csv.

Called as ``short_trial.py fit --level=27 --num_values=3 --status=0 --output=DIR``, or
``short_trial.py fit --resume=DIR/checkpoints/last.ckpt``. SIGTERM has it write that, if it has
logged something, and end.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    options = dict(argument.removeprefix("--").split("=", 1) for argument in sys.argv[2:])
    resumed = Path(options["resume"]) if "resume" in options else None
    first = 0
    if resumed:
        first, options = json.loads(resumed.read_text())
    directory = Path(options["output"])
    (directory / "checkpoints").mkdir(parents=True, exist_ok=bool(resumed))
    signal.signal(
        signal.SIGTERM, signal.SIG_IGN if options.get("deaf") else signal.default_int_handler
    )
    rank = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", str(directory)])
    with (directory / "metrics.csv").open("a") as file:
        if not resumed:
            file.write("step,val/final/psnr_db\n")
        for step in range(first, int(options["num_values"])):
            try:
                file.write(f"{step},{float(options['level']) + step / 10}\n")
                file.flush()
                time.sleep(0.1)
            except KeyboardInterrupt:
                content = json.dumps([step + 1, options])
                (directory / "checkpoints" / "last.ckpt").write_text(content)
                return 143
    status = int(options.get("status", 0))
    if status:
        sys.stderr.write("error: the scanner is off\n")
        return status  # Its other process stays behind, as a rank would that waits for it.
    rank.terminate()
    rank.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
