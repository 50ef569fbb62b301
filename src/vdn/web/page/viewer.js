// A picture and what was made of it on a canvas, zoomed and moved together, in tiles of exact pixels.
// Places are those of the picture; layers that were enlarged have `finer` pixels a side for one of it.

const TILE = 512;
const KEPT = 400; // tiles in memory
const ENLARGED = ["result", "uncertainty"];

export class Viewer {
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.changed = changed;
    this.tiles = new Map();
    this.split = 0.5;
    this.fitted = true;
    this.scale = 1; // device pixels a pixel of the picture
    this.finer = 1;
    this.x = this.y = 0; // the picture's place in the middle of the canvas
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.listen();
  }

  // picture: {id, width, height, version, levels, result}; after: the name of a layer, or null
  show(picture, after, preview) {
    const same = (key) => this.picture && this.picture[key] === picture[key];
    const other = !["id", "width", "height"].every(same);
    this.picture = picture;
    this.finer = picture.result ? picture.result.scale : 1;
    this.after = after;
    this.preview = preview;
    if (other) {
      this.x = picture.width / 2;
      this.y = picture.height / 2;
      this.fitted = true;
    }
    this.resize();
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    if (this.fitted && this.picture) this.scale = this.fitScale();
    this.draw();
  }

  fitScale() {
    return Math.min(this.canvas.width / this.picture.width, this.canvas.height / this.picture.height, 4);
  }

  fit() {
    this.fitted = true;
    this.x = this.picture.width / 2;
    this.y = this.picture.height / 2;
    this.scale = this.fitScale();
    this.draw();
  }

  // One device pixel for one of the finest there is
  actual() {
    this.zoom(this.finer);
  }

  zoom(scale, at) {
    if (!this.picture) return;
    const smallest = Math.min(this.fitScale(), 1);
    scale = Math.min(Math.max(scale, smallest), 32 * this.finer);
    const [cx, cy] = at || [this.canvas.width / 2, this.canvas.height / 2];
    const px = this.x + (cx - this.canvas.width / 2) / this.scale;
    const py = this.y + (cy - this.canvas.height / 2) / this.scale;
    this.x = px - (cx - this.canvas.width / 2) / scale;
    this.y = py - (cy - this.canvas.height / 2) / scale;
    this.scale = scale;
    this.fitted = false;
    this.draw();
  }

  move(dx, dy) {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
    this.fitted = false;
    this.draw();
  }

  draw() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.paint();
    });
  }

  paint() {
    const { context, canvas, picture } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!picture) return;
    this.x = Math.min(Math.max(this.x, 0), picture.width);
    this.y = Math.min(Math.max(this.y, 0), picture.height);
    // Whole device pixels, so that at 1:1 every pixel is exactly one.
    const left = Math.round(canvas.width / 2 - this.x * this.scale);
    const top = Math.round(canvas.height / 2 - this.y * this.scale);
    const edge = Math.round(this.split * canvas.width);
    this.layer("source", left, top, 0, this.after || this.preview ? edge : canvas.width);
    if (this.after || this.preview) {
      this.layer(this.after || "source", left, top, edge, canvas.width);
      if (this.preview) this.patch(left, top, edge);
    }
    this.changed(this);
  }

  clip(from, to) {
    this.context.save();
    this.context.beginPath();
    this.context.rect(from, 0, to - from, this.canvas.height);
    this.context.clip();
  }

  layer(name, left, top, from, to) {
    const levels = this.picture.levels[name === "difference" ? "result" : name];
    if (!levels || to <= from) return;
    const scale = this.scale / this.finerOf(name);
    this.clip(from, to);
    this.context.imageSmoothingEnabled = scale < 1;
    const level = Math.min(Math.max(Math.floor(-Math.log2(scale) + 0.01), 0), levels - 1);
    for (let coarse = levels - 1; coarse > level; coarse--) this.level(name, coarse, left, top, from, to, false);
    this.level(name, level, left, top, from, to, true);
    this.context.restore();
  }

  // Pixels a side of a layer for one of the picture
  finerOf(name) {
    return ENLARGED.includes(name) ? this.finer : 1;
  }

  level(name, level, left, top, from, to, ask) {
    const { picture, canvas } = this;
    const finer = this.finerOf(name), scale = this.scale / finer;
    const step = TILE * 2 ** level; // pixels of the layer a tile
    const size = step * scale;
    const columns = Math.ceil(finer * picture.width / step), rows = Math.ceil(finer * picture.height / step);
    const first = Math.max(0, Math.floor((from - left) / size));
    const last = Math.min(columns - 1, Math.floor((to - 1 - left) / size));
    const highest = Math.max(0, Math.floor(-top / size));
    const lowest = Math.min(rows - 1, Math.floor((canvas.height - 1 - top) / size));
    for (let row = highest; row <= lowest; row++) {
      for (let column = first; column <= last; column++) {
        const tile = this.tile(name, level, row, column, ask);
        if (!tile) continue;
        const x = Math.round(left + column * size), y = Math.round(top + row * size);
        const factor = 2 ** level * scale;
        const w = Math.round(left + column * size + tile.width * factor) - x;
        const h = Math.round(top + row * size + tile.height * factor) - y;
        this.context.drawImage(tile, x, y, w, h);
      }
    }
  }

  tile(name, level, row, column, ask) {
    const { picture } = this;
    const version = name === "source" ? "" : `.${picture.version}`;
    const path = `/visit/pictures/${picture.id}/tiles/${name}/${level}/${row}/${column}?v=${picture.frame}${version}`;
    const found = this.tiles.get(path);
    if (found) {
      this.tiles.delete(path); // the last to be used is the last to go
      this.tiles.set(path, found);
      return found instanceof Promise ? null : found;
    }
    if (!ask) return null;
    const promise = bitmap(path).then(
      ({ image }) => { this.tiles.set(path, image); this.draw(); },
      () => this.tiles.delete(path),
    );
    this.tiles.set(path, promise);
    while (this.tiles.size > KEPT) this.tiles.delete(this.tiles.keys().next().value);
    return null;
  }

  patch(left, top, edge) {
    const { image, place } = this.preview;
    this.clip(edge, this.canvas.width);
    this.context.imageSmoothingEnabled = this.scale < 1;
    const x = Math.round(left + place.left * this.scale), y = Math.round(top + place.top * this.scale);
    const w = Math.round(left + (place.left + image.width) * this.scale) - x;
    const h = Math.round(top + (place.top + image.height) * this.scale) - y;
    this.context.drawImage(image, x, y, w, h);
    if (!this.after && (image.width < this.picture.width || image.height < this.picture.height)) {
      this.context.strokeStyle = "#fff9";
      this.context.strokeRect(x + 0.5, y + 0.5, w - 1, h - 1);
    }
    this.context.restore();
  }

  listen() {
    const { canvas } = this;
    const pointers = new Map();
    const place = (event) => {
      const box = canvas.getBoundingClientRect(), ratio = canvas.width / box.width;
      return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, place(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!pointers.has(event.pointerId)) return;
      const before = pointers.get(event.pointerId), now = place(event);
      if (pointers.size === 2) {
        const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
        const distance = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]) || 1;
        this.zoom(this.scale * distance(now) / distance(before), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
      } else {
        this.move(now[0] - before[0], now[1] - before[1]);
      }
      pointers.set(event.pointerId, now);
    });
    for (const name of ["pointerup", "pointercancel"])
      canvas.addEventListener(name, (event) => pointers.delete(event.pointerId));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(this.scale * Math.exp(-event.deltaY / 400), place(event));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const step = 80;
      const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
      if (moves[event.key]) this.move(...moves[event.key]);
      else if (event.key === "+" || event.key === "=") this.zoom(this.scale * 1.5);
      else if (event.key === "-") this.zoom(this.scale / 1.5);
      else if (event.key === "0") this.fit();
      else if (event.key === "1") this.actual();
      else return;
      event.preventDefault();
    });
  }
}

export async function bitmap(path, signal) {
  const response = await fetch(path, { signal });
  if (!response.ok) throw new Error(await response.text());
  const image = await createImageBitmap(await response.blob());
  return { image, headers: response.headers };
}
