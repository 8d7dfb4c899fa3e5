"""Writes the tables and the pictures of ``any-scanner-results.md`` from the CSV files of its tests.

    python docs/any_scanner.py

``docs/results/any_scanner`` has a configuration of each scanner, and ``SCANNER/comparison.csv`` of
its test; what networks of its own or classical methods do there stands in the same file or in
``SCANNER/WHO.csv``, and ``seeds/SCANNER-SEED.csv`` is the test of further trainings for it, which
``seeds/SNR`` has at another peak SNR, with that of the one for all, ``SCANNER-any.csv``, and of
one with single objects, ``SCANNER-hard.csv``.
``seeds/any/SCANNER-SEED.csv`` is the test of further trainings of the one for all, ``seeds/hard``
those of ones with single objects, and ``seeds/long`` and ``seeds/long_hard`` of longer ones, and
``stays/SCANNER-WHO.csv`` a brief comparison of the one for all and of a network for that scanner.
``grids/FFP-PIXELS.csv`` is the test with other numbers of FFP positions and pixels along each axis.
``drawn/NUMBER.yaml`` and ``drawn/NUMBER`` are the same of scanners that ``drawn_scanners.py`` drew.
``noise/SCANNER-SNR.csv`` is the test at another peak SNR, ``off/SCANNER.csv`` a comparison on
scanners that aren't as stated, and ``known/SCANNER-ERROR-WEIGHTS.csv`` the test on more of them.
``coverage/SCANNER.csv`` is what intervals that were calibrated there hold.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import yaml
from any_scanner_pictures import drawn_figure, known_figure, pairs_figure, scanners_figure
from results_tables import OfMethod, rows, values_of

from mpi_cascade.evaluation.interval_coverage import Coverage
from mpi_cascade.results.tables import markdown_table

DOCS = Path(__file__).parent
DIRECTORY = DOCS / "results" / "any_scanner"
SEEDS = DIRECTORY / "seeds"
HARD = SEEDS / "hard"
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
DRAWN_METHODS = ("cascade", "ADMM", "Tikhonov, c ≥ 0")
GRIDS_METHODS = ("cascade", "Tikhonov, c ≥ 0")
PSNR = ("phantoms", "psnr_db", None)

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

PAIRS_HEAD = (
    "PSNR / dB", "gap / mm", "area below the ROC", "resolved where 1 % of the nulls are split / %",
    "where 5 % are / %", "nulls split by dip 0.265 / %",
)  # fmt: skip
SPLITS = {"split_at_1pct": "nulls split / %", "false_splits": "… by dip 0.265 / %"}

STATED = "stated"
KNOWN = {
    STATED: "as stated",
    "gradient-2": "gradient + 2 %",
    "gradient-5": "gradient + 5 %",
    "core-minus5": "core − 5 %",
    "core-minus2": "core − 2 %",
    "core-1": "core + 1 %",
    "core-2": "core + 2 %",
    "core-5": "core + 5 %",
}
CORE_ERRORS = {
    -5: "core-minus5", -2: "core-minus2", 0: STATED, 1: "core-1", 2: "core-2", 5: "core-5",
}  # fmt: skip

USUAL_SNR_DB = 30
NOISE_SNRS_DB = (5, 15, USUAL_SNR_DB, 50, 80)
SEEDS_SNRS_DB = (15, 20, USUAL_SNR_DB, 50)

COVERED = {
    "as calibrated": "as calibrated, 15 … 50 dB",
    "phantoms": "phantoms of another mixture, 30 dB",
    **OTHER_NOISE,
    **UNSEEN,
    **FIVE_PERCENT,
}
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


def main() -> None:
    """Writes them."""
    path = DOCS / "any-scanner-results.md"
    text = path.read_text(encoding="utf-8")
    for mark, table in tables().items():
        below = rf"(?<=<!-- {mark} -->\n)(?:\|.*\n)*"
        text = re.sub(below, lambda _, table=table: f"{table}\n", text)
    path.write_text(text, encoding="utf-8")
    psnrs = {
        title.strip("`"): {
            METHODS[label]: of[PSNR] for label, of in read(name).items() if label in METHODS
        }
        for name, title in SCANNERS.items()
    }
    scanners_figure(psnrs, list(METHODS.values())).savefig(DIRECTORY / "psnr.png", dpi=110)
    drawn = [read(f"drawn/{number}") for number in drawn_numbers()]
    psnrs = {METHODS[label]: [values[label][PSNR] for values in drawn] for label in DRAWN_METHODS}
    drawn_figure(psnrs).savefig(DIRECTORY / "drawn.png", dpi=110)
    pairs_figure(pairs_shares()).savefig(DIRECTORY / "pairs.png", dpi=110)
    known_figure(known_values()).savefig(DIRECTORY / "known.png", dpi=110)


def tables() -> dict[str, str]:
    """Returns the tables of the page by the marks that they stand below."""
    made = {
        "": methods_table, "stays: ": stays_table, "seeds: ": seeds_table,
        "seeds at other noise: ": seeds_noise_table, "single objects: ": single_objects_table,
        "long: ": long_table, "noise: ": noise_table, "grids: ": grids_table,
        "drawn: ": drawn_table, "off: ": off_table, "known: ": known_table,
        "coverage: ": coverage_table,
    }  # fmt: skip
    return {f"{mark}python docs/any_scanner.py": table() for mark, table in made.items()}


def methods_table() -> str:
    """Returns PSNR, resolution and splits of each method on each scanner."""
    body = []
    for name, scanner in SCANNERS.items():
        values = read(name)
        for label, title in METHODS.items():
            if label in values:
                of = values[label]
                gaps = f" at {gaps_text(of)} mm" if label == "cascade" else ""
                body.append([
                    scanner, title, with_ends(of[PSNR]), f"{resolved_text(of)}{gaps}",
                    *(with_ends(splits_percent(of, metric)) for metric in SPLITS),
                ])  # fmt: skip
    head = ["scanner", "method", "PSNR / dB", "resolved / %", *SPLITS.values()]
    return markdown_table(head, body)


def stays_table() -> str:
    """Returns the PSNR of the one for all and of a network for the scanner on each set."""
    found = [
        [values_of(DIRECTORY / "stays" / f"{name}-{who}.csv")[who] for who in ("any", "own")]
        for name in STAYING
    ]
    body = [
        [
            title,
            *(joined((of[name, "psnr_db", None][0] for of in both), 1, " → ") for both in found),
        ]
        for name, title in STAYS.items()
    ]
    return markdown_table(["PSNR / dB", *STAYING.values()], body)


def seeds_table() -> str:
    """Returns what several trainings for a scanner have, and several of the one for all."""
    body = []
    for name, scanner in SCANNERS.items():
        values = read(name)
        for_it, for_all = (
            [values[label], *of_trainings(among, name)]
            for label, among in (("specialist", SEEDS), ("cascade", SEEDS / "any"))
        )
        if len(for_it) == 1:
            continue
        psnrs = [[of[PSNR][0] for of in some] for some in (for_it, for_all)]
        resolved = []
        for gap_mm in gaps_mm(for_all[0])[:2]:
            theirs, ours = (
                joined((100 * of["pairs", "resolved_at_1pct", gap_mm][0] for of in some), 0)
                for some in (for_it, for_all)
            )
            resolved.append(f"{theirs}; {ours} at {gap_mm:g} mm")
        ahead = np.mean(psnrs[0]) - np.mean(psnrs[1])
        shown = (joined(some, 2) for some in psnrs)
        body.append([scanner, *shown, f"{ahead:.2f}", "<br>".join(resolved)])
    head = [
        "scanner", "trained for it, PSNR / dB", "one for all, PSNR / dB", "means differ by / dB",
        "resolved / %: trained for it; one for all",
    ]  # fmt: skip
    return markdown_table(head, body)


def seeds_noise_table() -> str:
    """Returns how far the further trainings for a scanner are ahead at each peak SNR, each."""
    body = []
    for name in filter(lambda name: any(SEEDS.glob(f"{name}-*.csv")), SCANNERS):
        cells = []
        for snr_db in SEEDS_SNRS_DB:
            there, for_all = SEEDS / str(snr_db), SEEDS / str(snr_db) / f"{name}-any.csv"
            if snr_db == USUAL_SNR_DB:
                there, for_all = SEEDS, DIRECTORY / name / "comparison.csv"
            psnr_db = of_training(for_all)[PSNR][0]
            for_it = of_trainings(there, name)
            cells.append(joined((of[PSNR][0] - psnr_db for of in for_it), 2))
        body.append([SCANNERS[name], *cells])
    return markdown_table(["scanner", *(f"{snr_db} dB" for snr_db in SEEDS_SNRS_DB)], body)


def with_single_objects() -> list[str]:
    """Returns the scanners of which there are trainings with single objects."""
    return [name for name in SCANNERS if any(HARD.glob(f"{name}-*.csv"))]


def of_single_objects(name: str) -> dict[str, list[OfMethod]]:
    """Returns the trainings without and with single objects by title, and what stands beside them.

    Args:
        name: The scanner.
    """
    values = read(name)
    return {
        "one for all": [values["cascade"]],
        "trained for it": [values["specialist"], *of_trainings(SEEDS, name)],
        "… with single objects": of_trainings(HARD, name),
        "ADMM": [values["ADMM"]],
    }


def single_objects_table() -> str:
    """Returns what trainings for a scanner without and with single objects make of it."""
    body = [
        [SCANNERS[name], title, *pairs_cells(some)]
        for name in with_single_objects()
        for title, some in of_single_objects(name).items()
    ]
    return markdown_table(["scanner", "method", *PAIRS_HEAD], body)


def pairs_shares() -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Returns closest pairs resolved and nulls split, in %, of trainings by scanner and title."""
    return {
        SCANNERS[name].strip("`"): {
            title: [
                (
                    100 * of["pairs", "roc_resolved_5pct", gaps_mm(of)[0]][0],
                    splits_percent(of, "false_splits")[0],
                )
                for of in some
            ]
            for title, some in of_single_objects(name).items()
        }
        for name in with_single_objects()
    }


def long_table() -> str:
    """Returns the same of longer trainings for ``reference``."""
    of_methods = of_single_objects("reference")
    longer = {
        "… on twelve times the scans": of_trainings(SEEDS / "long", "reference"),
        "… with single objects, on eight times": of_trainings(SEEDS / "long_hard", "reference"),
    }
    body = [[title, *pairs_cells(some)] for title, some in (of_methods | longer).items()]
    return markdown_table(["method", *PAIRS_HEAD], body)


def pairs_cells(some: Sequence[OfMethod]) -> list[str]:
    """Returns PSNR, how well the closest pairs are told from single objects, and splits.

    Args:
        some: The values of trainings.
    """
    gap_mm = gaps_mm(some[0])[0]
    return [
        joined((of[PSNR][0] for of in some), 2), f"{gap_mm:g}",
        joined((of["pairs", "roc_area", gap_mm][0] for of in some), 3),
        *(
            joined((100 * of["pairs", f"roc_resolved_{splits}pct", gap_mm][0] for of in some), 0)
            for splits in (1, 5)
        ),
        joined((splits_percent(of, "false_splits")[0] for of in some), 1),
    ]  # fmt: skip


def grids_table() -> str:
    """Returns what cascade and Tikhonov make of scans with other FFP positions and pixels."""
    body = []
    for path in sorted((DIRECTORY / "grids").glob("*.csv")):
        num_ffp, num_pixels = path.stem.split("-")
        of_methods = [values_of(path)[label] for label in GRIDS_METHODS]
        body.append([
            f"{num_ffp}²", f"{num_pixels}²", *(f"{of[PSNR][0]:.1f}" for of in of_methods),
            f"{gaps_text(of_methods[0])} mm", *map(resolved_text, of_methods),
            joined((splits_percent(of, "false_splits")[0] for of in of_methods), 1, "; "),
        ])  # fmt: skip
    head = [
        "FFP positions", "pixels", "one for all, PSNR / dB", "Tikhonov, PSNR / dB", "pairs at",
        "one for all resolves / %", "Tikhonov / %", "nulls split by dip 0.265 / %",
    ]  # fmt: skip
    return markdown_table(head, body)


def noise_table() -> str:
    """Returns the PSNR of cascade and Tikhonov at each peak SNR."""
    directory = DIRECTORY / "noise"
    body = []
    for name in filter(lambda name: any(directory.glob(f"{name}-*.csv")), SCANNERS):
        found = [
            read(name) if snr_db == USUAL_SNR_DB else values_of(directory / f"{name}-{snr_db}.csv")
            for snr_db in NOISE_SNRS_DB
        ]
        for label in ("cascade", "Tikhonov, c ≥ 0"):
            psnrs = (with_ends(values[label][PSNR]) for values in found)
            body.append([SCANNERS[name], METHODS[label], *psnrs])
    head = ["scanner", "method", *(f"{snr_db} dB" for snr_db in NOISE_SNRS_DB)]
    return markdown_table(head, body)


def drawn_numbers() -> list[int]:
    """Returns the numbers of the scanners that were drawn."""
    return sorted(int(path.stem) for path in (DIRECTORY / "drawn").glob("*.yaml"))


def drawn_table() -> str:
    """Returns each drawn scanner's quantities, and PSNR, resolution and splits of each method."""
    body = []
    for number in drawn_numbers():
        text = (DIRECTORY / "drawn" / f"{number}.yaml").read_text(encoding="utf-8")
        scanner = yaml.safe_load(text)["experiment"]["scanner"]
        values = read(f"drawn/{number}")
        of_methods = [values[label] for label in DRAWN_METHODS]
        body.append([
            "{gradient_x_t_per_m:.1f} / {gradient_y_t_per_m:.1f}".format(**scanner),
            f"{1e9 * scanner['particle']['core_diameter_m']:.0f}",
            f"{1e3 * scanner['drive_amplitude_t']:.1f}",
            " and ".join(map(str, scanner["harmonics"])), f"{scanner['num_ffp_x']}²",
            *(with_ends(of[PSNR]) for of in of_methods), f"{gaps_text(of_methods[0])} mm",
            *map(resolved_text, of_methods),
            *(
                joined((splits_percent(of, metric)[0] for of in of_methods), 1, "; ")
                for metric in SPLITS
            ),
        ])  # fmt: skip
    head = [
        "Gx / Gy / T/m", "core / nm", "drive / mT", "harmonics", "grid", "one for all, PSNR / dB",
        "ADMM, PSNR / dB", "Tikhonov, c ≥ 0, PSNR / dB", "pairs at", "one for all resolves / %",
        "ADMM / %", "Tikhonov / %", *SPLITS.values(),
    ]  # fmt: skip
    return markdown_table(head, body)


def off_table() -> str:
    """Returns the PSNR of each method where a scanner isn't as stated, splits and resolution."""
    body = []
    for path in sorted((DIRECTORY / "off").glob("*.csv")):
        of_methods = [values_of(path)[label] for label in OFF_METHODS]
        for name, title in OFF.items():
            nulls = "all nulls" if name == "phantoms" else f"nulls, {name}"
            splits = (
                joined((100 * of[nulls, metric, None][0] for of in of_methods), 1, "; ")
                for metric in SPLITS
            )
            pairs = [(f"pairs, {name}", "resolved_at_1pct", gap_mm) for gap_mm in (0.3, 0.5)]
            shares = (
                joined((100 * of[pair][0] for pair in pairs), 0, " / ")
                for of in of_methods
                if pairs[0] in of
            )
            body.append([
                SCANNERS[path.stem], title,
                *(with_ends(of[name, "psnr_db", None]) for of in of_methods),
                *splits, "; ".join(shares),
            ])  # fmt: skip
    head = [
        "stated", "true", *(f"{name}, PSNR / dB" for name in OFF_METHODS.values()),
        *SPLITS.values(), "pairs at 0.3 / 0.5 mm / %",
    ]  # fmt: skip
    return markdown_table(head, body)


def known_table() -> str:
    """Returns what errors of few percent cost, where gradient or core isn't as stated."""
    body = []
    for name, errors in known_errors().items():
        for true in errors:
            of_methods = of_known(name, true).values()
            body.append([
                SCANNERS[name], KNOWN[true], *(f"{of[PSNR][0]:.1f}" for of in of_methods),
                *(with_ends(splits_percent(of, "false_splits")) for of in of_methods),
            ])  # fmt: skip
    head = [
        "stated", "true", *(f"{name}, PSNR / dB" for name in OFF_METHODS.values()),
        *(f"{name}: nulls split by dip 0.265 / %" for name in OFF_METHODS.values()),
    ]  # fmt: skip
    return markdown_table(head, body)


def known_values() -> dict[str, dict[str, list[tuple[float, float, float]]]]:
    """Returns error of the core in %, PSNR and nulls split by scanner and method."""
    found: dict[str, dict[str, list[tuple[float, float, float]]]] = {}
    for name, errors in known_errors().items():
        of_scanner = found.setdefault(SCANNERS[name].strip("`"), {})
        for percent, true in CORE_ERRORS.items():
            if true in errors:
                for title, of in of_known(name, true).items():
                    seen = (percent, of[PSNR][0], splits_percent(of, "false_splits")[0])
                    of_scanner.setdefault(title.strip("`"), []).append(seen)
    return found


def known_errors() -> dict[str, list[str]]:
    """Returns what was tested of each scanner that isn't as stated, as ``KNOWN`` names it."""
    known = DIRECTORY / "known"
    found = {
        name: [true for true in KNOWN if (known / f"{name}-{true}-five.csv").exists()]
        for name in SCANNERS
    }
    return {name: errors for name, errors in found.items() if errors}


def of_known(name: str, true: str) -> dict[str, OfMethod]:
    """Returns the values of the methods where a scanner isn't as stated, by title.

    Args:
        name: The scanner that is stated.
        true: What is different, one of ``KNOWN``.
    """
    known = DIRECTORY / "known"
    exact = read(name) if true == STATED else values_of(known / f"{name}-{true}-exact.csv")
    five = values_of(known / f"{name}-{true}-five.csv")
    found = (exact["cascade"], five["cascade"], exact["Tikhonov, c ≥ 0"])
    return dict(zip(OFF_METHODS.values(), found, strict=True))


def coverage_table() -> str:
    """Returns how many pixels and masses lie inside of the intervals, and how wide these are."""
    body = []
    for path in sorted((DIRECTORY / "coverage").glob("*.csv"), reverse=True):
        found = {row.set_name: row for row in rows(path, Coverage)}
        for name, title in COVERED.items():
            row = found[name]
            inside = (100 * share for share in (row.covered, row.covered_low, row.covered_high))
            others = (row.half_width, row.masses, row.withheld)
            body.append([
                SCANNERS[path.stem], title, with_ends(inside),
                *(f"{100 * share:.0f}" for share in others),
            ])  # fmt: skip
    head = [
        "calibrated on", "scans", "pixels inside / %", "half width / % of the peak",
        "masses inside / %", "withheld / %",
    ]  # fmt: skip
    return markdown_table(head, body)


def read(name: str) -> dict[str, OfMethod]:
    """Returns the values of all methods on a scanner; those of a network of its own are its own's.

    Args:
        name: The scanner.
    """
    found: dict[str, OfMethod] = {}
    for path in sorted((DIRECTORY / name).glob("*.csv")):
        values = values_of(path)
        found |= {path.stem: values["cascade"]} if path.stem == "specialist" else values
    return found


def of_training(path: Path) -> OfMethod:
    """Returns the values of a training.

    Args:
        path: The file of its test.
    """
    return values_of(path)["cascade"]


def of_trainings(directory: Path, name: str) -> list[OfMethod]:
    """Returns the values of the trainings for a scanner.

    Args:
        directory: Where the files of their tests are.
        name: The scanner.
    """
    return [of_training(path) for path in sorted(directory.glob(f"{name}-[0-9].csv"))]


def gaps_mm(of: OfMethod) -> list[float]:
    """Returns the gaps of a method's pairs, from the smallest on."""
    return sorted(gap_mm for _, metric, gap_mm in of if metric == "resolved_at_1pct" and gap_mm)


def gaps_text(of: OfMethod) -> str:
    """Returns the gaps of a method's pairs as text."""
    return " / ".join(f"{gap_mm:g}" for gap_mm in gaps_mm(of))


def resolved_text(of: OfMethod) -> str:
    """Returns the shares of pairs that a method resolves, in %, as text."""
    return joined(resolved_percent(of), 0, " / ")


def resolved_percent(of: OfMethod) -> list[float]:
    """Returns the shares of pairs that a method resolves, in %, from the smallest gap on."""
    return [100 * of["pairs", "resolved_at_1pct", gap_mm][0] for gap_mm in gaps_mm(of)]


def splits_percent(of: OfMethod, metric: str) -> list[float]:
    """Returns the share of nulls that a method splits, in %, with the ends of its interval.

    Args:
        of: The method's values.
        metric: ``split_at_1pct``, or ``false_splits`` for Rayleigh's dip.
    """
    return [100 * share for share in of["nulls", metric, None]]


def with_ends(values: Iterable[float]) -> str:
    """Returns a value with the ends of its interval.

    Args:
        values: The three.
    """
    return "{:.1f} ({:.1f} … {:.1f})".format(*values)


def joined(values: Iterable[float], digits: int, between: str = ", ") -> str:
    """Returns numbers as text.

    Args:
        values: The numbers.
        digits: Their digits after the point.
        between: What stands between them.
    """
    return between.join(f"{value:.{digits}f}" for value in values)


if __name__ == "__main__":
    main()
