"""Faults of the operator's templates, found before anybody gets an e-mail or a page.

- `checker`: what is wrong with the templates of an area, without rendering them
- `facts`: what a template says about itself
- `messages`: what is told about templates
- `origin`: where a copied template comes from, and what ours has had since
- `samples`: every kind of e-mail, rendered from samples
"""

from digest.rendering.template_check.checker import check_templates
from digest.rendering.template_check.origin import copy_templates, template_names
from digest.rendering.template_check.samples import check_email_templates

__all__ = ["check_email_templates", "check_templates", "copy_templates", "template_names"]
