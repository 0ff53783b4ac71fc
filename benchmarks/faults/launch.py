"""The command line, which also knows the stages of this folder."""

from recortex import catalog

catalog.STAGES |= dict.fromkeys(("Numbers", "Waves", "Sums"), "faults.slow_stages")

if __name__ == "__main__":
    from recortex.cli.main import main

    main()
