"""Where a page may hold an address: every attribute and text place of the HTML standard, and what pages use besides.

``{}`` in a place's markup stands for the address, written as ``writer`` says. The bytes around it are the place's own.
"""

import html
from dataclasses import dataclass

from tests.corpus.writers import JSON_WRITERS, Layer, css_bare, css_quoted, json_string

Chain = tuple[Layer, ...]

TEXT: Chain = (html.escape,)
PLAIN: Chain = ()
CSS: Chain = (css_quoted,)
CSS_BARE: Chain = (css_bare,)
CSS_IN_ATTRIBUTE: Chain = (css_quoted, html.escape)
CSS_BARE_IN_ATTRIBUTE: Chain = (css_bare, html.escape)
JSON: Chain = (json_string,)
JSON_SLASHES: Chain = (JSON_WRITERS["ascii and slashes"],)
JSON_MARKUP: Chain = (JSON_WRITERS["markup"],)
JSON_IN_ATTRIBUTE: Chain = (json_string, html.escape)
JSON_SLASHES_IN_ATTRIBUTE: Chain = (JSON_WRITERS["ascii and slashes"], html.escape)
HTML_IN_ATTRIBUTE: Chain = (html.escape, html.escape)
HTML_IN_JSON: Chain = (html.escape, JSON_WRITERS["slashes"])


@dataclass(frozen=True)
class Place:
    """One place, and its writer."""

    markup: str
    writer: Chain = TEXT
    encoded: bool = False
    """Holds no space: addresses stand here percent-encoded alone."""

    def hold(self, address: str) -> str:
        """The markup with the address in it."""
        for layer in self.writer:
            address = layer(address)
        return self.markup.replace("{}", address)


PLACES = {
    # Links and what is fetched
    "a href": Place('<a href="{}">a</a>'),
    "a href in single quotes": Place("<A HREF = '{}' >a</A>"),
    "a href without quotes": Place("<a href={} class=x>a</a>", encoded=True),
    "a ping": Place('<a href="/" ping="{} /count">a</a>', encoded=True),
    "area href": Place('<map name="m"><area shape="rect" coords="0,0,1,1" href="{}" alt=""></map>'),
    "link href": Place('<link rel="preload" as="image" href="{}">'),
    "link imagesrcset": Place('<link rel="preload" as="image" imagesrcset="{} 1x, {} 2x">', encoded=True),
    "link icon": Place('<link rel="icon" type="image/png" href="{}"/>'),
    "base href": Place('<base href="{}">'),
    "img src": Place('<img src="{}" alt="">'),
    "img src without quotes": Place("<img src={}>", encoded=True),
    "img srcset": Place('<img srcset="{} 320w,\n  {} 640w, {} 2x" sizes="100vw">', encoded=True),
    "img longdesc": Place('<img longdesc="{}">'),
    "img usemap": Place('<img usemap="{}">'),
    "img lowsrc": Place('<img lowsrc="{}" dynsrc="{}">'),
    "source src": Place('<video><source src="{}" type="video/mp4"></video>'),
    "source srcset": Place('<picture><source srcset="{}, {} 1.5x" media="(min-width: 1px)"></picture>', encoded=True),
    "script src": Place('<script src="{}" async></script>'),
    "iframe src": Place('<iframe src="{}"></iframe>'),
    "embed src": Place('<embed src="{}">'),
    "track src": Place('<track kind="captions" src="{}">'),
    "input src": Place('<input type="image" src="{}">'),
    "input value": Place('<input type="hidden" name="next" value="{}">'),
    "audio src": Place('<audio src="{}"></audio>'),
    "video src": Place('<video src="{}"></video>'),
    "video poster": Place('<video poster="{}"></video>'),
    "frame src": Place('<frameset><frame src="{}"></frameset>'),
    "form action": Place('<form action="{}" method="post"></form>'),
    "button formaction": Place('<button formaction="{}">b</button>'),
    "input formaction": Place('<input type="submit" formaction="{}">'),
    "object data": Place('<object data="{}"></object>'),
    "object codebase": Place('<object codebase="{}" archive="{}" classid="{}"></object>', encoded=True),
    "applet code": Place('<applet codebase="{}"></applet>'),
    "param value": Place('<param name="movie" value="{}">'),
    "blockquote cite": Place('<blockquote cite="{}"></blockquote>'),
    "q cite": Place('<q cite="{}"></q>'),
    "del cite": Place('<del cite="{}"></del>'),
    "ins cite": Place('<ins cite="{}"></ins>'),
    "html manifest": Place('<html manifest="{}">'),
    "head profile": Place('<head profile="{}">'),
    "body background": Place('<body background="{}"><table background="{}"><tr><td background="{}"></table>'),
    "command icon": Place('<command icon="{}">'),
    # Microdata, metadata
    "itemid": Place('<div itemscope itemid="{}"></div>'),
    "itemtype": Place('<div itemscope itemtype="{}"></div>', encoded=True),
    "itemprop content": Place('<meta itemprop="image" content="{}">'),
    "RDFa resource": Place('<span property="image" resource="{}" about="{}"></span>'),
    "meta refresh": Place('<meta http-equiv="refresh" content="5; url={}">'),
    "meta refresh in quotes": Place('<meta http-equiv="refresh" content="0;URL=\'{}\'">'),
    "og:image": Place('<meta property="og:image" content="{}">'),
    "twitter:image": Place("<meta name='twitter:image' content='{}'>"),
    "JSON-LD": Place('<script type="application/ld+json">{"@type":"Thing","image":["{}"]}</script>', JSON),
    "JSON-LD, slashes escaped": Place('<script type="application/ld+json">{"image":"{}"}</script>', JSON_SLASHES),
    # Styles
    "style attribute, bare": Place('<div style="background: url({}) no-repeat"></div>', CSS_BARE_IN_ATTRIBUTE),
    "style attribute, quoted": Place("<div style=\"background-image:url('{}')\"></div>", CSS_IN_ATTRIBUTE),
    "style attribute, escaped quotes": Place('<p style="background:url(&quot;{}&quot;)"></p>', CSS_IN_ATTRIBUTE),
    "style": Place("<style>.x{background:url({})}</style>", CSS_BARE),
    "style, quoted": Place('<style>@import "{}"; .x::after{content:url( "{}" )}</style>', CSS),
    "style, image-set": Place("<style>.x{background:image-set('{}' 1x, url('{}') 2x)}</style>", CSS),
    "style, @font-face": Place("<style>@font-face{src:url({}) format('woff2'),local(x)}</style>", CSS_BARE),
    # Data for scripts
    "data attribute": Place('<div data-target="{}"></div>'),
    "data-src": Place('<img class="lazy" data-src="{}">'),
    "data-srcset": Place('<img data-srcset="{} 1x, {} 2x">', encoded=True),
    "data-bg": Place('<div data-bg="url({})"></div>'),
    "data-original": Place('<img data-original="{}" data-lazy="{}" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">'),
    "data attribute, JSON": Place('<div data-x="{&quot;src&quot;:&quot;{}&quot;}"></div>', JSON_IN_ATTRIBUTE),
    "data attribute, JSON in single quotes": Place("<div data-x='[\"{}\"]'></div>", JSON_IN_ATTRIBUTE),
    "data attribute, JSON, slashes": Place('<p data-x="[&quot;{}&quot;]"></p>', JSON_SLASHES_IN_ATTRIBUTE),
    "onclick": Place("<button onclick=\"location.href='{}'\">b</button>", JSON_IN_ATTRIBUTE),
    "script string": Place('<script>var a = "{}";</script>', JSON),
    "script string, slashes": Place("<script>var a = {url: '{}'};</script>", JSON_SLASHES),
    "script JSON, markup escaped": Place('<script type="application/json">{"u":"{}"}</script>', JSON_MARKUP),
    "script holding markup": Place('<script>el.innerHTML = "<img src=\\"{}\\">";</script>', HTML_IN_JSON),
    "script template": Place('<script type="text/template"><img src="{}"></script>'),
    "import map": Place('<script type="importmap">{"imports":{"a":"{}"}}</script>', JSON),
    # SVG
    "svg image href": Place('<svg><image href="{}"/></svg>'),
    "svg image xlink:href": Place('<svg><image xlink:href="{}" width="1"></image></svg>'),
    "svg use": Place('<svg><use href="{}#x"/><use xlink:href="{}#y"/></svg>'),
    "svg fill": Place('<svg><rect fill="url({}#x)"/></svg>'),
    "svg style": Place("<svg><style>rect{fill:url({}#x)}</style></svg>", CSS_BARE),
    # Markup within markup, text
    "srcdoc": Place('<iframe srcdoc="&lt;img src=&quot;{}&quot;&gt;"></iframe>', HTML_IN_ATTRIBUTE),
    "srcdoc in single quotes": Place("<iframe srcdoc='<img src=\"{}\">'></iframe>", HTML_IN_ATTRIBUTE),
    "noscript": Place('<noscript><img height="1" src="{}"/></noscript>'),
    "template": Place('<template><slot><img src="{}"></slot></template>'),
    "textarea": Place("<textarea>{}</textarea>"),
    "title": Place("<title>{}</title>"),
    "comment": Place("<!-- was {} -->", PLAIN),
    "conditional comment": Place('<!--[if IE]><link href="{}"><![endif]-->'),
    "text": Place("<p>See {}, or ({}).</p>"),
    "CDATA": Place("<svg><desc><![CDATA[{}]]></desc></svg>", PLAIN),
    "code": Place("<pre><code>&lt;img src=&quot;{}&quot;&gt;</code></pre>", HTML_IN_ATTRIBUTE),
    "unknown attribute": Place('<x-card :image="{}" @click="{}" v-bind:href="{}"></x-card>'),
}
