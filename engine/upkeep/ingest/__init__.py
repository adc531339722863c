"""Makes a funnel of a folder of HTML pages: what ``funnel-clone import`` does.

- ``folder``      which files are pages, and where a reference leads
- ``page``        a page's way: parsed by the rules of HTML5, every reference rewritten
  - ``stylesheet``  references in CSS, and local sheets taken into the page
  - ``forms``       each ``<form>`` -> a form document and its embed
  - ``tree``        the page's blocks -> its components tree
- ``assets``      a file that pages refer to -> key, URL and content type
- ``documents``   all of it in the product's shapes (docs/contract.md, section 1)
- ``importing``   the whole, page by page: objects, then documents, the funnel's own document last
"""

from engine.upkeep.ingest.folder import Folder
from engine.upkeep.ingest.importing import Imported, ImportTarget, Owner, import_folder

__all__ = ["Folder", "ImportTarget", "Imported", "Owner", "import_folder"]
