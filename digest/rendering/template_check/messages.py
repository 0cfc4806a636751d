"""What is told about templates. Each sentence follows the name of the file and the line."""

from collections.abc import Sequence


def syntax(reason: str) -> str:
    return f"cannot be read: {reason}"


def unknown_variable(name: str, nearest: str) -> str:
    hint = did_you_mean(nearest)
    return f"there is no variable {name!r} here; a template may use what ours of that name uses{hint}"


def unknown_filter(name: str, nearest: str) -> str:
    return f"there is no filter {name!r}{did_you_mean(nearest)}"


def unknown_test(name: str, nearest: str) -> str:
    return f"there is no test {name!r}{did_you_mean(nearest)}"


def unknown_template(name: str, nearest: str) -> str:
    return f"there is no template {name!r}{did_you_mean(nearest)}"


def unknown_block(name: str, parent: str, nearest: str) -> str:
    return f"there is no block {name!r} in {parent}, so it would not be shown{did_you_mean(nearest)}"


def unknown_macro(name: str, module: str, nearest: str) -> str:
    return f"there is no macro {name!r} in {module}{did_you_mean(nearest)}"


def missing_block(name: str, child: str) -> str:
    return f"the block {name!r} is missing, which {child} fills"


def missing_macro(name: str, caller: str) -> str:
    return f"the macro {name!r} is missing, which {caller} calls"


def missing_argument(name: str, argument: str) -> str:
    return f"the macro {name!r} is called without its argument {argument!r}"


def unknown_argument(name: str, argument: str) -> str:
    return f"the macro {name!r} has no argument {argument!r}"


def too_many_arguments(name: str, count: int) -> str:
    return f"the macro {name!r} takes {count} arguments and is called with more"


def macro_mismatch(caller: str, problem: str) -> str:
    return f"{problem}, in {caller}"


def no_caller(name: str) -> str:
    return f"the macro {name!r} does not show what it is called with"


def circle(name: str) -> str:
    return f"{name!r} leads back to this template, without end"


def unescaped_template(name: str) -> str:
    return f"takes in {name!r}, in which nothing is escaped; give it a name that ends with .html"


def unused_template(name: str, nearest: str) -> str:
    return f"none of ours is called {name!r} and no template takes it in, so it is not used{did_you_mean(nearest)}"


def outdated_copy(version: str, names: str) -> str:
    return (
        f"is a copy from digest {version}, and ours has changed since{names}; compare it with `digest templates copy`"
    )


def lacking(names: str) -> str:
    return f": it lacks {names}"


def rendering(emails: Sequence[str], reason: str) -> str:
    if len(emails) == 1:
        return f"{emails[0]} cannot be rendered: {reason}"
    return f"{emails[0]} and {len(emails) - 1} more of the e-mails cannot be rendered: {reason}"


def missing_link(email: str, name: str) -> str:
    return f"{email} lacks the link {name!r}, which its recipient needs"


def missing_address(email: str) -> str:
    return f"{email} lacks the postal address"


def did_you_mean(nearest: str) -> str:
    return f". Did you mean {nearest!r}?" if nearest else ""


AUTOESCAPE_OFF = "escaping must stay on: titles and names come from outside"
UNSAFE = "the filter 'safe' is only for what ours marks so: titles and names come from outside"
