// Pointers on a canvas: one moves what it shows, two zoom it, one that stays where it was put taps;
// the wheel zooms. The hands are hover(x, y), leave(), move(dx, dy), zoom(by, x, y) and
// tap(x, y, kind of pointer), in CSS pixels from the canvas's corner.
const STILL = 4;

export function gestures(canvas, hands) {
  const pointers = new Map();
  let began = null, spread = 0;
  const at = event => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", event => {
    if (event.button) return;  // the right one and the middle one have their own use
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    began = pointers.size === 1 ? { place: at(event), moved: false } : null;
    spread = 0;
  });
  canvas.addEventListener("pointermove", event => {
    const now = at(event), last = pointers.get(event.pointerId);
    if (last && !event.buttons) {  // lifted elsewhere
      lifted(event);
      return;
    }
    if (!last) { hands.hover(...now); return; }
    if (pointers.size === 1) {
      if (began && Math.hypot(now[0] - began.place[0], now[1] - began.place[1]) > STILL) began.moved = true;
      if (!began || began.moved) {
        canvas.classList.add("moving");
        hands.move(now[0] - last[0], now[1] - last[1]);
        pointers.set(event.pointerId, now);
      }
      return;
    }
    pointers.set(event.pointerId, now);
    const [one, other] = [...pointers.values()], apart = Math.hypot(one[0] - other[0], one[1] - other[1]);
    if (spread) hands.zoom(apart / spread, (one[0] + other[0]) / 2, (one[1] + other[1]) / 2);
    spread = apart;
  });
  const lifted = event => {
    if (!pointers.delete(event.pointerId)) return;
    const tapped = began && !began.moved && event.type === "pointerup";
    began = null;
    canvas.classList.remove("moving");
    spread = 0;
    if (tapped) hands.tap(...at(event), event.pointerType);
  };
  canvas.addEventListener("pointerup", lifted);
  canvas.addEventListener("pointercancel", lifted);
  canvas.addEventListener("pointerleave", event => {
    if (event.pointerType === "mouse" && !pointers.size) hands.leave();  // a finger leaves as it is lifted
  });
  canvas.addEventListener("wheel", event => {
    event.preventDefault();
    const turned = event.deltaY * (event.deltaMode === 1 ? 16 : 1) * (event.ctrlKey ? 4 : 1);  // a pinch turns less
    hands.zoom(Math.exp(-Math.max(-240, Math.min(240, turned)) / 400), ...at(event));
    hands.hover(...at(event));
  }, { passive: false });
}
