import dlf.conform


def test_conforms_at_level_0():
    assert dlf.conform.run("toy", level="L0").ok
