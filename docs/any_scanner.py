"""Writes the tables and the pictures of ``any-scanner-results.md`` from the CSV files of its tests.

    python docs/any_scanner.py

``docs/results/any_scanner`` has a configuration of each scanner, and ``SCANNER/comparison.csv`` of
its test; what networks of its own or classical methods do there stands in the same file or in
``SCANNER/WHO.csv``, and ``seeds/SCANNER-SEED.csv`` is the test of further trainings for it, which
``seeds/SNR`` has at another peak SNR, with that of the one for all, ``SCANNER-any.csv``.
``seeds/any/SCANNER-SEED.csv`` is the test of further trainings of the one for all, and
``stays/SCANNER-WHO.csv`` a brief comparison of the one for all and of a network for that scanner.
``drawn/NUMBER.yaml`` and ``drawn/NUMBER`` are the same of scanners that ``drawn_scanners.py`` drew.
``noise/SCANNER-SNR.csv`` is the test at another peak SNR, ``off/SCANNER.csv`` a comparison on
scanners that aren't as stated, and ``coverage/SCANNER.csv`` what intervals that were calibrated
there hold.
"""

import csv
import re
from collections.abc import Iterable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
import yaml
from matplotlib import pyplot

from mpi_cascade.results.tables import markdown_table

DOCS = Path(__file__).parent
DIRECTORY = DOCS / "results" / "any_scanner"
SCANNERS = {
    "reference": "`reference`",
    "half_gradient": "half the gradient along x",
    "wide": "3 T/m, 20 nm, 10 mm",
    "second_harmonic": "second harmonic, 48 × 48",
    "two_harmonics": "two harmonics, 32 × 32",
    "large_grid": "7 T/m, 27 nm, 96 × 96",
}
METHODS = {
    "cascade": "one for all",
    "specialist": "trained for it",
    "ADMM": "ADMM",
    "Tikhonov, c ≥ 0": "Tikhonov, c ≥ 0",
    "zero image": "zero image",
}

OTHER_NOISE = {"SNR 20 dB": "the same at 20 dB", "SNR 50 dB": "the same at 50 dB"}
UNSEEN = {"unseen rings": "rings", "unseen letters": "letters", "unseen five tubes": "five tubes"}
FIVE_PERCENT = {
    "gradient -5 %": "gradient − 5 %",
    "gradient +5 %": "gradient + 5 %",
    "core diameter -5 %": "core − 5 %",
    "core diameter +5 %": "core + 5 %",
}
SPREAD = {"spread of cores +0.15": "spread of cores + 0.15"}
OFF = {
    "phantoms": "as stated",
    **FIVE_PERCENT,
    **SPREAD,
    "relaxation +1 µs, aligned": "relaxation + 1 µs",
}
OFF_METHODS = {
    "exact": "`any_scanner`",
    "five": "`any_scanner_5_percent`",
    "Tikhonov, c ≥ 0": "Tikhonov, c ≥ 0",
}

USUAL_SNR_DB = 30
NOISE_SNRS_DB = (5, 15, USUAL_SNR_DB, 50, 80)
SEEDS_SNRS_DB = (15, 20, USUAL_SNR_DB, 50)
NOISE_METHODS = ("cascade", "Tikhonov, c ≥ 0")

COVERED = {
    "as calibrated": "as calibrated, 15 … 50 dB",
    "phantoms": "phantoms of another mixture, 30 dB",
    **OTHER_NOISE,
    **UNSEEN,
    **FIVE_PERCENT,
}
COVERED_HEAD = [
    "calibrated on", "scans", "pixels inside / %", "half width / % of the peak",
    "masses inside / %", "withheld / %",
]  # fmt: skip

DRAWN_METHODS = ("cascade", "ADMM", "Tikhonov, c ≥ 0")
DRAWN_HEAD = [
    "Gx / Gy / T/m", "core / nm", "drive / mT", "harmonics", "grid", "one for all, PSNR / dB",
    "ADMM, PSNR / dB", "Tikhonov, c ≥ 0, PSNR / dB", "pairs at", "one for all resolves / %",
    "ADMM / %", "Tikhonov / %", "nulls split / %",
]  # fmt: skip

STAYS = {
    "phantoms": "phantoms of the training's families",
    **OTHER_NOISE,
    **UNSEEN,
    **FIVE_PERCENT,
    **SPREAD,
}
STAYING = {
    "half_gradient": "half the gradient along x",
    "two_harmonics": "two harmonics, 32 × 32",
    "reference": "`reference`, twelve times the scans",
}

Values = dict[tuple[str, str, str, float | None], list[float]]


def main() -> None:
    """Writes them."""
    path, found = DOCS / "any-scanner-results.md", {name: read(name) for name in SCANNERS}
    text = path.read_text(encoding="utf-8")
    for mark, table in tables(found).items():
        below = rf"(?<=<!-- {mark} -->\n)(?:\|.*\n)*"
        text = re.sub(below, lambda _, table=table: f"{table}\n", text)
    path.write_text(text, encoding="utf-8")
    draw(found)
    draw_drawn({number: read(f"drawn/{number}") for number in drawn_numbers()})


def tables(found: dict[str, Values]) -> dict[str, str]:
    """Returns the tables of the page by the marks that they stand below.

    Args:
        found: What ``read`` returns, by scanner.
    """
    rows = []
    for name, values in found.items():
        for label, title in METHODS.items():
            if (label, "phantoms", "psnr_db", None) in values:
                rows.append([SCANNERS[name], title, *cells(values, label)])
    head = ["scanner", "method", "PSNR / dB", "resolved / %", "nulls split / %"]
    off_head = [
        "stated", "true", *(f"{name}, PSNR / dB" for name in OFF_METHODS.values()),
        "nulls split / %", "pairs at 0.3 / 0.5 mm / %",
    ]  # fmt: skip
    seeds_head = [
        "scanner", "trained for it, PSNR / dB", "one for all, PSNR / dB", "means differ by / dB",
        "resolved / %: trained for it; one for all",
    ]  # fmt: skip
    seeds_noise_head = ["scanner", *(f"{snr_db} dB" for snr_db in SEEDS_SNRS_DB)]
    noise_head = ["scanner", "method", *(f"{snr_db} dB" for snr_db in NOISE_SNRS_DB)]
    return {
        "python docs/any_scanner.py": markdown_table(head, rows),
        "stays: python docs/any_scanner.py": markdown_table(
            ["PSNR / dB", *STAYING.values()], stays_rows()
        ),
        "seeds: python docs/any_scanner.py": markdown_table(seeds_head, seeds_rows(found)),
        "seeds at other noise: python docs/any_scanner.py": markdown_table(
            seeds_noise_head, seeds_noise_rows(found)
        ),
        "noise: python docs/any_scanner.py": markdown_table(noise_head, noise_rows()),
        "drawn: python docs/any_scanner.py": markdown_table(DRAWN_HEAD, drawn_rows()),
        "off: python docs/any_scanner.py": markdown_table(off_head, off_rows()),
        "coverage: python docs/any_scanner.py": markdown_table(COVERED_HEAD, coverage_rows()),
    }


def seeds_rows(found: dict[str, Values]) -> list[list[str]]:
    """Returns what several trainings for a scanner have, and several of the one for all.

    Args:
        found: What ``read`` returns, by scanner.
    """
    rows = []
    for name, values in found.items():
        directory = DIRECTORY / "seeds"
        for_it, for_all = (
            [first, *map(of_seed, sorted(among.glob(f"{name}-*.csv")))]
            for first, among in (
                (of_label(values, "specialist"), directory),
                (of_label(values, "cascade"), directory / "any"),
            )
        )
        if len(for_it) == 1:
            continue
        psnrs = [
            [each["phantoms", "psnr_db", None][0] for each in some] for some in (for_it, for_all)
        ]
        gaps_mm = sorted(
            gap_mm for _, metric, gap_mm in for_all[0] if metric == "resolved_at_1pct" and gap_mm
        )
        resolved = []
        for gap_mm in gaps_mm[:2]:
            theirs, ours = (
                ", ".join(
                    f"{100 * each['pairs', 'resolved_at_1pct', gap_mm][0]:.0f}" for each in some
                )
                for some in (for_it, for_all)
            )
            resolved.append(f"{theirs}; {ours} at {gap_mm:g} mm")
        shown = (", ".join(f"{psnr:.2f}" for psnr in some) for some in psnrs)
        ahead = np.mean(psnrs[0]) - np.mean(psnrs[1])
        rows.append([SCANNERS[name], *shown, f"{ahead:.2f}", "<br>".join(resolved)])
    return rows


def stays_rows() -> list[list[str]]:
    """Returns the PSNR of the one for all and of a network for the scanner on each set."""
    found = {
        name: [
            of_label(values_of([DIRECTORY / "stays" / f"{name}-{who}.csv"]), who)
            for who in ("any", "own")
        ]
        for name in STAYING
    }
    rows = []
    for name, title in STAYS.items():
        psnrs = [
            " → ".join(f"{values[name, 'psnr_db', None][0]:.1f}" for values in both)
            for both in found.values()
        ]
        rows.append([title, *psnrs])
    return rows


def seeds_noise_rows(found: dict[str, Values]) -> list[list[str]]:
    """Returns how far the further trainings for a scanner are ahead at each peak SNR, each.

    Args:
        found: What ``read`` returns, by scanner.
    """
    psnr, directory = ("phantoms", "psnr_db", None), DIRECTORY / "seeds"
    rows = []
    for name in filter(lambda name: any(directory.glob(f"{name}-*.csv")), found):
        row = [SCANNERS[name]]
        for snr_db in SEEDS_SNRS_DB:
            if snr_db == USUAL_SNR_DB:
                there, for_all = directory, of_label(found[name], "cascade")
            else:
                there = directory / str(snr_db)
                for_all = of_seed(there / f"{name}-any.csv")
            for_it = map(of_seed, sorted(there.glob(f"{name}-[0-9].csv")))
            row.append(", ".join(f"{each[psnr][0] - for_all[psnr][0]:.2f}" for each in for_it))
        rows.append(row)
    return rows


def noise_rows() -> list[list[str]]:
    """Returns the PSNR of each method at each peak SNR."""
    directory = DIRECTORY / "noise"
    names = {path.stem.rpartition("-")[0] for path in directory.glob("*.csv")}
    rows = []
    for name in filter(names.__contains__, SCANNERS):
        found = [
            read(name)
            if snr_db == USUAL_SNR_DB
            else values_of([directory / f"{name}-{snr_db}.csv"])
            for snr_db in NOISE_SNRS_DB
        ]
        for label in NOISE_METHODS:
            psnrs = [values[label, "phantoms", "psnr_db", None] for values in found]
            rows.append([SCANNERS[name], METHODS[label], *map(with_ends, psnrs)])
    return rows


def drawn_numbers() -> list[int]:
    """Returns the numbers of the scanners that were drawn."""
    return sorted(int(path.stem) for path in (DIRECTORY / "drawn").glob("*.yaml"))


def drawn_rows() -> list[list[str]]:
    """Returns each drawn scanner's quantities, and PSNR, resolution and splits of each method."""
    rows = []
    for number in drawn_numbers():
        text = (DIRECTORY / "drawn" / f"{number}.yaml").read_text(encoding="utf-8")
        scanner = yaml.safe_load(text)["experiment"]["scanner"]
        values = read(f"drawn/{number}")
        of_methods = [cells(values, label) for label in DRAWN_METHODS]
        psnrs, shares, splits = zip(*of_methods, strict=True)
        resolved, _, gaps = shares[0].partition(" at ")
        rows.append(
            [
                "{gradient_x_t_per_m:.1f} / {gradient_y_t_per_m:.1f}".format(**scanner),
                f"{1e9 * scanner['particle']['core_diameter_m']:.0f}",
                f"{1e3 * scanner['drive_amplitude_t']:.1f}",
                " and ".join(map(str, scanner["harmonics"])), f"{scanner['num_ffp_x']}²",
                *psnrs, gaps, resolved, *shares[1:],
                "; ".join(split.partition(" ")[0] for split in splits),
            ]
        )  # fmt: skip
    return rows


def draw_drawn(found: dict[int, Values]) -> None:
    """Draws the PSNR of each method on the scanners that were drawn.

    Args:
        found: What ``read`` returns, by number.
    """
    figure, axes = pyplot.subplots(figsize=(7, 3.6), constrained_layout=True)
    for place, label in enumerate(DRAWN_METHODS):
        psnr, low, high = zip(
            *(values[label, "phantoms", "psnr_db", None] for values in found.values()), strict=True
        )
        below = [one - end for one, end in zip(psnr, low, strict=True)]
        above = [end - one for one, end in zip(psnr, high, strict=True)]
        places = [number + 0.15 * (place - 1) for number in found]
        axes.errorbar(places, psnr, [below, above], fmt="o", capsize=3, label=METHODS[label])
    axes.set_xticks(list(found))
    axes.set_xlabel("scanner: row of the table")
    axes.set_ylabel("PSNR of phantoms / dB")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(loc="upper right", ncols=3, fontsize=8)
    axes.set_ylim(top=axes.get_ylim()[1] + 1.5)
    figure.savefig(DIRECTORY / "drawn.png", dpi=110)


def off_rows() -> list[list[str]]:
    """Returns the PSNR of each method where a scanner isn't as stated, splits and resolution."""
    rows = []
    for path in sorted((DIRECTORY / "off").glob("*.csv")):
        values = values_of([path])
        for name, title in OFF.items():
            psnrs = [values[label, name, "psnr_db", None] for label in OFF_METHODS]
            nulls = "all nulls" if name == "phantoms" else f"nulls, {name}"
            splits = [values[label, nulls, "split_at_1pct", None][0] for label in OFF_METHODS]
            pairs = f"pairs, {name}"
            shares = [
                [values[label, pairs, "resolved_at_1pct", gap_mm][0] for gap_mm in (0.3, 0.5)]
                for label in OFF_METHODS
                if (label, pairs, "resolved_at_1pct", 0.3) in values
            ]
            rows.append(
                [
                    SCANNERS[path.stem], title,
                    *map(with_ends, psnrs),
                    "; ".join(f"{100 * split:.1f}" for split in splits),
                    "; ".join(f"{100 * near:.0f} / {100 * far:.0f}" for near, far in shares),
                ]
            )  # fmt: skip
    return rows


def coverage_rows() -> list[list[str]]:
    """Returns how many pixels and masses lie inside of the intervals, and how wide these are."""
    rows = []
    for path in sorted((DIRECTORY / "coverage").glob("*.csv"), reverse=True):
        with path.open(newline="", encoding="utf-8") as file:
            found = {row["set_name"]: row for row in csv.DictReader(file)}
        for name, title in COVERED.items():
            inside, others = (
                [100 * float(found[name][column]) for column in columns]
                for columns in (
                    ("covered", "covered_low", "covered_high"),
                    ("half_width", "masses", "withheld"),
                )
            )
            shown = [with_ends(inside), *(f"{other:.0f}" for other in others)]
            rows.append([SCANNERS[path.stem], title, *shown])
    return rows


def read(name: str) -> Values:
    """Returns value and ends of the interval by method, set, metric and gap.

    Args:
        name: The scanner.
    """
    return values_of(sorted((DIRECTORY / name).glob("*.csv")))


def values_of(paths: Iterable[Path]) -> Values:
    """Returns value and ends of the interval by method, set, metric and gap.

    Args:
        paths: Files of results; in ``specialist.csv`` the cascade is the scanner's own.
    """
    values: Values = {}
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["image"] != "final":
                    continue
                label = "specialist" if path.stem == "specialist" else row["label"]
                if path.stem == "specialist" and row["label"] != "cascade":
                    continue
                gap_mm = float(row["gap_mm"]) if row["gap_mm"] else None
                ends = [float(row[end] or "nan") for end in ("value", "low", "high")]
                values[label, row["set_name"], row["metric"], gap_mm] = ends
    return values


def of_label(values: Values, label: str) -> dict[tuple[str, str, float | None], list[float]]:
    """Returns the values of a method by set, metric and gap.

    Args:
        values: What ``read`` returns.
        label: The method.
    """
    return {key[1:]: value for key, value in values.items() if key[0] == label}


def of_seed(path: Path) -> dict[tuple[str, str, float | None], list[float]]:
    """Returns the values of a training by set, metric and gap.

    Args:
        path: The file of its test.
    """
    return of_label(values_of([path]), "cascade")


def with_ends(values: Iterable[float]) -> str:
    """Returns a value with the ends of its interval.

    Args:
        values: The three.
    """
    return "{:.1f} ({:.1f} … {:.1f})".format(*values)


def cells(values: Values, label: str) -> list[str]:
    """Returns a method's PSNR, resolved shares and share of nulls split, as text.

    Args:
        values: What ``read`` returns.
        label: The method.
    """
    gaps_mm = sorted({key[3] for key in values if key[2] == "resolved_at_1pct" and key[3]})
    shares = [100 * values[label, "pairs", "resolved_at_1pct", gap_mm][0] for gap_mm in gaps_mm]
    resolved = f"{' / '.join(f'{share:.0f}' for share in shares)}"
    gaps = f" at {' / '.join(f'{gap_mm:g}' for gap_mm in gaps_mm)} mm"
    split = [100 * value for value in values[label, "nulls", "split_at_1pct", None]]
    return [
        with_ends(values[label, "phantoms", "psnr_db", None]),
        resolved + (gaps if label == "cascade" else ""),
        with_ends(split),
    ]


def draw(found: dict[str, Values]) -> None:
    """Draws PSNR and resolved shares of every method on every scanner.

    Args:
        found: What ``read`` returns, by scanner.
    """
    figure, axes = pyplot.subplots(
        1, len(found), figsize=(2.4 * len(found), 3.6), sharey=True, constrained_layout=True
    )
    for place, (name, values) in zip(axes, found.items(), strict=True):
        shown = [label for label in METHODS if (label, "phantoms", "psnr_db", None) in values]
        for number, label in enumerate(METHODS):
            if label in shown:
                psnr, low, high = values[label, "phantoms", "psnr_db", None]
                place.errorbar(
                    number, psnr, [[psnr - low], [high - psnr]], fmt="o", capsize=3,
                    color=f"C{number}",
                )  # fmt: skip
        place.set_title(SCANNERS[name].strip("`"), fontsize=9)
        place.set_xticks(range(len(METHODS)), METHODS.values(), rotation=60, fontsize=8)
        place.grid(axis="y", alpha=0.3)
    axes[0].set_ylabel("PSNR of phantoms / dB")
    figure.savefig(DIRECTORY / "psnr.png", dpi=110)


if __name__ == "__main__":
    main()
