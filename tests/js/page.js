// As much of a page as these tests need: elements with attributes and events, and canvases that note what is drawn on them.

class Element extends EventTarget {
  constructor(tag) {
    super();
    Object.assign(this, { tagName: tag.toUpperCase(), children: [], attributes: {}, dataset: {}, style: {}, hidden: false, value: "" });
  }

  setAttribute(name, value) {
    this.attributes[name] = String(value);
    if (["value", "min", "max"].includes(name)) this[name] = String(value);
    if (name === "hidden") this.hidden = true;
    if (name === "width" || name === "height") this[name] = Number(value);
  }

  getAttribute(name) { return this.attributes[name] ?? null; }
  append(...nodes) {
    for (const node of nodes) if (node instanceof Element) node.parentElement = this;
    this.children.push(...nodes);
  }
  replaceChildren(...nodes) {
    this.children = [];
    this.append(...nodes);
  }

  // All below, depth first, for which `test` holds.
  all(test) {
    return this.children.filter((node) => node instanceof Element).flatMap((node) => [...(test(node) ? [node] : []), ...node.all(test)]);
  }

  getContext() { return (this.context ??= new Context(this)); }
  toDataURL(type) { return `data:${type},${JSON.stringify(this.getContext().calls)}`; }
}

// Notes each call as [name, arguments, style]; `pixels` is what getImageData gives.
class Context {
  constructor(canvas) {
    Object.assign(this, { canvas, calls: [], pixels: null });
  }

  getImageData(_x, _y, width, height) { return { data: Uint8ClampedArray.from(this.pixels), width, height }; }
  createImageData(width, height) { return { data: new Uint8ClampedArray(4 * width * height), width, height }; }
  putImageData(image) { this.calls.push(["putImageData", [image]]); }
  drawImage(image, ...rest) {
    if (image.pixels) this.pixels = image.pixels;
    this.calls.push(["drawImage", [image, ...rest]]);
  }

  of(name) { return this.calls.filter(([called]) => called === name).map(([, given]) => given); }
}
for (const name of ["fillRect", "strokeRect", "clearRect", "beginPath", "moveTo", "lineTo", "stroke", "setLineDash"])
  Context.prototype[name] = function (...given) { this.calls.push([name, given]); };

// `pictures`: address -> {width, height, pixels} of what an Image loads.
export function openPage(pictures = {}) {
  globalThis.window = globalThis;
  globalThis.document = Object.assign(new EventTarget(), { createElement: (tag) => new Element(tag) });
  globalThis.OffscreenCanvas = class extends Element {
    constructor(width, height) {
      super("canvas");
      Object.assign(this, { width, height });
    }
  };
  globalThis.Image = class {
    async decode() {
      const { width, height, pixels } = pictures[this.src];
      Object.assign(this, { naturalWidth: width, naturalHeight: height, pixels });
    }
  };
  return new Element("div");
}
