/* What can be done about an item that could not be cloned. */

const ADVICE = {
  image: "Put the object back in the bucket, or the picture into the original, then retry: this image alone is copied.",
  form: "No form has this id any more. Mend the form on the original's page, then retry; until then the page keeps the old one.",
  chat: "Add a support token for the preview domain, then retry. Until then the clone's chat is switched off.",
  components: "Open the original's page in the editor and save it, which makes its components, then retry.",
  references: "A reference could not be moved without doubt. Look at the page before it goes live.",
  step: "Retry goes on with this page. If it fails again, look at the original's page: it is named in the reason.",
  clone: "Mend what the reason names, then retry: what is done stays done.",
};

const KINDS = {
  image: "Image",
  form: "Form",
  chat: "Chat",
  components: "Components",
  references: "References",
  step: "Page",
  clone: "Clone",
};

export function adviceFor(kind) {
  return ADVICE[kind] ?? ADVICE.clone;
}

export function kindLabel(kind) {
  return KINDS[kind] ?? KINDS.clone;
}
