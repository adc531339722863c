"""The stylesheet of the sample pages: one for all, told apart by their colours."""

from collections.abc import Mapping

_RULES = """\
*{box-sizing:border-box;margin:0}
body{font:17px/1.65 "Inter",system-ui,sans-serif;color:#1d2433;background:#fff}
.bar{display:flex;justify-content:space-between;align-items:center;padding:18px 6vw;position:sticky;top:0;
background:rgba(255,255,255,.88);backdrop-filter:blur(12px);z-index:2}
.brand{display:flex;align-items:center;gap:12px;font-weight:700}.brand img{width:36px}
nav a{margin-left:26px;color:inherit;text-decoration:none}nav a:hover{color:var(--accent)}
.hero{min-height:78vh;display:flex;flex-direction:column;justify-content:center;align-items:flex-start;
padding:9vh 6vw;color:#fff;background-size:cover;background-position:center}
.kicker{letter-spacing:.16em;text-transform:uppercase;font-size:13px;opacity:.85}
h1{font:700 clamp(38px,6vw,72px)/1.08 Georgia,serif;margin:16px 0;max-width:17ch}
h2{font:700 clamp(28px,4vw,44px)/1.2 Georgia,serif;margin-bottom:32px;text-align:center}
h3{font-size:20px;margin:16px 0 8px}.lead{font-size:20px;max-width:52ch;opacity:.92}
.button{display:inline-block;margin-top:28px;padding:14px 30px;border-radius:999px;background:var(--accent);
color:#fff;font-weight:600;text-decoration:none;box-shadow:0 12px 30px -10px var(--accent);transition:transform .2s}
.button:hover{transform:translateY(-3px)}
section{padding:88px 6vw}.tinted{background:var(--tint)}.narrow{max-width:820px;margin:auto}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(250px,1fr));gap:28px}
.card{border:1px solid #e7e9f0;border-radius:22px;padding:22px;background:#fff;box-shadow:0 18px 50px -34px #1d2433}
.card img,.split img{width:100%;border-radius:16px;display:block}
.split{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:56px;align-items:center}
.split h2{text-align:left;margin-bottom:18px}
.quote{background:#fff;border-radius:22px;padding:26px}.quote img{width:72px;height:72px;object-fit:cover;
border-radius:50%}.quote figcaption{margin-top:12px;font-weight:600;color:var(--accent)}
.price{font:700 42px Georgia,serif;color:var(--accent)}.plan ul{padding-left:20px;margin-top:12px}
details{border-bottom:1px solid #e7e9f0;padding:18px 0}summary{font-weight:600;cursor:pointer}
.form{width:100%;height:420px;border:0;border-radius:22px;background:var(--tint)}
.thanks{text-align:center;padding-top:16vh}.thanks h1,.thanks .lead{margin-left:auto;margin-right:auto}
.tick{width:88px;height:88px;line-height:88px;border-radius:50%;margin:0 auto 24px;background:var(--accent);
color:#fff;font-size:42px}
footer{padding:40px 6vw;text-align:center;font-size:14px;color:#6c7488}
"""


def stylesheet(colours: Mapping[str, str]) -> str:
    """The rules, with ``colours`` (name -> CSS colour) as custom properties in front."""
    properties = "".join(f"--{name}:{colour};" for name, colour in colours.items())
    return f":root{{{properties}}}\n{_RULES}"
