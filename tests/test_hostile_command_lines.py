"""Command lines that no training can come of: each ends within seconds in one sentence, or right.

What is timed is the processor's time, without imports: other processes of the machine don't count.
"""

import importlib

import command_line
import pytest
from command_line import TINY, within

FIT = ("fit", "--config", TINY, "--output", "{new}")
SCANNER, PARTICLE = "--experiment.scanner.", "--experiment.scanner.particle."

REFUSED = {
    "no configuration": (("fit",), "fit has no configuration: begin with mpi-cascade fit --config"),
    "a directory as configuration": (("fit", "--config", "{folder}"), ", which is no file: name a"),
    "an absent configuration": (
        ("fit", "--config", "absent.yaml"),
        "absent.yaml, which is no file: name a YAML file",
    ),
    "a key with a slip": (
        (*FIT, "--experiment={{scanner: {{particle: {{core_diameter_nm: 20}}}}}}"),
        "experiment.scanner.particle.core_diameter_nm is no key: the nearest is "
        "experiment.scanner.particle.core_diameter_m",
    ),
    "a number of epochs in letters": (
        (*FIT, "--trainer.max_epochs=abc"),
        "trainer.max_epochs must be a whole number",
    ),
    "an empty value": ((*FIT, f"{SCANNER}gradient_x_t_per_m="), "is empty: it must be a number"),
    "an empty configuration": (("fit", "--config", ""), "--config is empty: name a YAML file"),
    "no value of an option": ((*FIT, "--weights"), "--weights: expected one argument"),
    "an abbreviated option": ((*FIT, "--weight=a.ckpt"), "unrecognized arguments: --weight=a.ckpt"),
    "an abbreviated key": ((*FIT, "--model.learn=1"), "unrecognized arguments: --model.learn=1"),
    "an optimiser that torch lacks": (
        (*FIT, "--model.optimizer=torch.optim.Adamm"),
        "model.optimizer is torch.optim.Adamm: it must be one of ASGD, ",
    ),
    "an unknown optimiser": ((*FIT, "--model.optimizer=AdamV"), "(the nearest is Adam"),
    "no optimiser": (
        (*FIT, "--model.optimizer=torch.nn.Linear"),
        "model.optimizer is torch.nn.Linear: it must be one of",
    ),
    "a strategy misspelt": (
        (*FIT, "--model.strategy=Stagged"),
        "model.strategy is Stagged: it must be one of DeepSupervision, IntervalsAlone, "
        "Joint, Staged, StagedThenFineTuned (the nearest is Staged), or a class of your own",
    ),
    "a loss misspelt": ((*FIT, "--model.final_loss=SIM"), "(the nearest is SSIM)"),
    "a schedule misspelt": ((*FIT, "--model.schedule=Cosine"), "it must be one of WarmupCosine"),
    "a network misspelt": ((*FIT, "--experiment.refinement=UNet"), "(the nearest is ResidualUNet)"),
    "a family misspelt": (
        (*FIT, "--experiment.phantoms={{a: {{class_path: Bar}}}}"),
        "experiment.phantoms is Bar: it must be one of Bars, ",
    ),
    "a disturbance misspelt": (
        (*FIT, "--experiment.disturbances=[{{class_path: PinkNois}}]"),
        "(the nearest is PinkNoise)",
    ),
    "help of a class misspelt": (
        ("fit", "--model.strategy.help", "Stagged"),
        "model.strategy is Stagged: it must be one of",
    ),
    "a family from wide to narrow": (
        (
            *FIT,
            "--experiment.phantoms={{a: {{class_path: Bars, init_args: {{width_mm: [0.5,0.4]}}}}}}",
        ),
        "Bars.width_mm is [0.5, 0.4]: it must be an ascending pair",
    ),
    "discs from wide to narrow": (
        (*FIT, "--data.two_points.diameter_mm=[0.5,0.4]"),
        "data.two_points.diameter_mm is [0.5, 0.4]: it must be",
    ),
    "a sample of less than nothing": (
        (*FIT, "--experiment.delta_sample_m=-1"),
        "experiment.delta_sample_m is -1.0: it must not be negative",
    ),
    "a negative seed": ((*FIT, "--seed_everything=-1"), "seed_everything is -1: it must lie in"),
    "a core of 20 m": (
        (*FIT, f"{PARTICLE}core_diameter_m=20"),
        "experiment.scanner.particle.core_diameter_m is 20.0: 20 m is far above a tracer's core "
        "(1 nm … 100 nm); write 20 nm as 2e-08, or if it is meant, add core_diameter_m to "
        "experiment.unusual",
    ),
    "a core of 20 µm": ((*FIT, f"{PARTICLE}core_diameter_m=20e-6"), "write 20 nm as 2e-08"),
    "a core of 200 nm": ((*FIT, f"{PARTICLE}core_diameter_m=200e-9"), "200 nm is far above a tr"),
    "20 degrees": ((*FIT, f"{PARTICLE}temperature_k=20"), "20 K is far below the temperature of"),
    "2 s": ((*FIT, f"{PARTICLE}relaxation_time_s=2"), "write 2 ms as 0.002"),
    "a drive field of 4 T": (
        (*FIT, f"{SCANNER}drive_amplitude_t=4"),
        "experiment.scanner.drive_amplitude_t is 4.0: 4 T is far above a drive field (10 µT … 200 "
        "mT); write 4 mT as 0.004",
    ),
    "25 Hz": ((*FIT, f"{SCANNER}drive_frequency_hz=25"), "write 25 kHz as 25000"),
    "5000 T/m": ((*FIT, f"{SCANNER}gradient_x_t_per_m=5000"), "write 5 T/m as 5, or if it is"),
    "a field of view of 10 m": ((*FIT, f"{SCANNER}field_of_view_x_m=10"), "write 10 mm as 0.01"),
    "a true drive field of 4 T": (
        (*FIT, "--experiment.true_scanner={{drive_amplitude_t: 4}}"),
        "experiment.true_scanner.drive_amplitude_t is 4: 4 T is far above",
    ),
    "noise beyond the signal": (
        (*FIT, "--experiment.peak_snr_db=-300"),
        "experiment.peak_snr_db is -300.0: -300 dB is far below the peak SNR of a scan",
    ),
    "more scans than fit": (
        (*FIT, "--data.batch_size=100000000", "--data.samples_per_epoch=100000000"),
        "a training step of 100000000 scans needs about",
    ),
    "a batch in words": ((*FIT, "--data.batch_size=many"), "data.batch_size is many: it must be a"),
    "one harmonic, no list": ((*FIT, f"{SCANNER}harmonics=3"), "harmonics is 3: it must be a list"),
    "an image of 10¹⁰ pixels": (
        (*FIT, "--experiment.image_shape=[100000,100000]"),
        "which is too fine to compute",
    ),
    "an unknown accelerator": ((*FIT, "--trainer.accelerator=banana"), "trainer: "),
    "no validation scans": (
        ("validate", "{checkpoint}", "--data.num_validation", "0"),
        "data.num_validation is 0: it must be greater than 0",
    ),
    "a network that a checkpoint lacks": (
        ("test", "{checkpoint}", "--experiment.refinement", "UNet"),
        "experiment.refinement is UNet: it must be one of",
    ),
    "no checkpoint": (("predict", "--output", "{new}"), "no checkpoint is named"),
    "no label": (("compare", "{checkpoint}"), "is no LABEL=PATH: name a checkpoint as mse="),
    "an unknown suite": (("compare", "a={checkpoint}", "--suite", "long"), "long"),
    "no scans": (("reconstruct", "{checkpoint}"), "scans"),
    "scans in a directory": (
        ("reconstruct", "{checkpoint}", "{folder}"),
        "is a directory: name a file in it",
    ),
    "no sample": (("calibrate",), "file"),
}
ANSWERED = {
    "classes of a key": (("fit", "--model.strategy.help"), "  Staged  "),
    "optimisers": (("fit", "--model.optimizer.help"), "  AdamW  "),
    "classes of a checkpoint's key": (("test", "--experiment.refinement.help"), "  ResidualUNet  "),
    "loggers": (("fit", "--trainer.logger.help"), "  CSVLogger  "),
    "help of a class": (("fit", "--model.strategy.help", "Staged"), "preliminary_share"),
}


@pytest.fixture(scope="module", autouse=True)
def imports():
    for name in ("training.run", "evaluation.comparison", "reconstruction.running"):
        importlib.import_module(f"mpi_cascade.{name}")


@pytest.fixture
def filled(trained, tmp_path):
    places = {"new": tmp_path / "new", "folder": tmp_path, "checkpoint": trained.checkpoint}
    return lambda words: [str(word).format(**places) for word in words]


@pytest.mark.parametrize(("words", "sentence"), REFUSED.values(), ids=REFUSED)
def test_is_refused_in_one_sentence(refusal, filled, words, sentence):
    with within(5):
        assert sentence in refusal(*filled(words))


@pytest.mark.parametrize(("words", "line"), ANSWERED.values(), ids=ANSWERED)
def test_is_answered(filled, words, line):
    with within(5):
        status, output, errors = command_line.call(*filled(words))
    assert (status, errors) == (0, "")
    assert line in output
