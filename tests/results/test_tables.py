from mpi_cascade.results.tables import metrics_table


def test_has_a_dash_where_an_image_has_no_value():
    table = metrics_table(
        {"val/final/psnr": 31.25, "val/final/ssim": 0.5, "val/preliminary/psnr": 2}
    )
    assert table.splitlines()[2:] == [
        "| psnr            | 31.250 | 2.000       |",
        "| ssim            | 0.500  | –           |",
    ]
