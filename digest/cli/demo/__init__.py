"""Demonstration of one whole day on this machine.

- `journals`: sample answers of PubMed and of a journal's feed
- `preprints`: sample answers of Hugging Face and of arXiv
- `sample_papers`: the papers of the sample days
- `scenario`: the day: subscribe, collect, plan and deliver
- `server`: bundled sample days in the shapes of the real hosts
- `store`: the store of the demonstration, and when it is served
"""
