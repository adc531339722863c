"""How well the texts of a page can be told from what is behind them, as the browser draws it (WCAG 2.2, 1.4.3)."""

from selenium.webdriver import Chrome

# Texts of disabled controls are excused by the rule; what is scrolled out of a dialog's way is behind it.
_SCRIPT = """
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const rgba = (colour) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
};
const over = (top, under) => top.slice(0, 3).map((each, i) => each * top[3] + under[i] * (1 - top[3]));
const light = (colour) => {
  const [r, g, b] = colour.map((each) => (each /= 255) <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (node) => {
  const layers = [];
  for (let at = node; at; at = at.parentElement) layers.unshift(rgba(getComputedStyle(at).backgroundColor));
  return layers.reduce((under, layer) => over(layer, under), [255, 255, 255]);
};
const open = document.querySelector("dialog[open]");
const seen = [];
for (const node of (open ?? document.body).querySelectorAll("*")) {
  const own = [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
  const hint = node.placeholder && !node.value;
  if ((!own && !hint) || !node.checkVisibility() || node.closest(":disabled, .unseen, .skip, script, style")) continue;
  const style = getComputedStyle(node, hint ? "::placeholder" : null);
  const under = behind(node);
  const [a, b] = [light(over(rgba(style.color), under)), light(under)].sort((x, y) => y - x);
  const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
  seen.push({ text: (hint ? node.placeholder : node.textContent).slice(0, 40), ratio: (a + 0.05) / (b + 0.05), large });
}
return seen;
"""


def faint_texts(driver: Chrome) -> list[str]:
    """Texts below 4.5 to 1 (large ones: 3 to 1), each with its ratio; fails where the page shows no text at all."""
    seen = driver.execute_script(_SCRIPT)
    assert seen, "the page shows no text"
    return [f"{each['text']}: {each['ratio']:.2f}" for each in seen if each["ratio"] < (3 if each["large"] else 4.5)]


def nameless_controls(driver: Chrome) -> list[str]:
    """Roles of what can be used or tells a value, but has no name in the browser's accessibility tree."""
    wanted = {"button", "link", "textbox", "searchbox", "progressbar", "dialog", "image", "navigation", "region"}
    nodes = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    shown = [node for node in nodes if not node["ignored"] and node["role"]["value"] in wanted]
    assert shown, "the page offers nothing"
    return [node["role"]["value"] for node in shown if not node.get("name", {}).get("value")]


def repeated_ids(driver: Chrome) -> list[str]:
    script = "return [...document.querySelectorAll('[id]')].map(node => node.id)"
    ids = driver.execute_script(script)
    return sorted({each for each in ids if ids.count(each) > 1})
