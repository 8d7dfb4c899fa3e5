"""A trial of a second that looks like a training from outside: two processes and metrics.csv.

Called as ``short_trial.py --level=27 --num_values=3 --status=0 --trainer.default_root_dir=DIR``.
"""

import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    options = dict(argument.removeprefix("--").split("=", 1) for argument in sys.argv[1:])
    directory = Path(options["trainer.default_root_dir"]) / "fit-1"
    directory.mkdir()
    rank = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", str(directory)])
    with (directory / "metrics.csv").open("w") as file:
        file.write("step,val/final/psnr\n")
        for step in range(int(options["num_values"])):
            file.write(f"{step},{float(options['level']) + step / 10}\n")
            file.flush()
            time.sleep(0.1)
    status = int(options.get("status", 0))
    if status:
        sys.stderr.write("error: the scanner is off\n")
        return status  # Its other process stays behind, as a rank would that waits for it.
    rank.terminate()
    rank.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
