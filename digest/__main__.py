"""`digest` and `python -m digest`."""


def main() -> None:
    from digest.cli import app

    app()


if __name__ == "__main__":
    main()
