// Ask for more as the end of a list comes near.
export class Endless {
  constructor(end, load) {
    this.busy = false;
    this.load = load;
    this.end = end;
    this.observer = new IntersectionObserver(seen => {
      if (seen.some(one => one.isIntersecting)) this.go();
    }, { rootMargin: "900px" });
    this.observer.observe(end);
  }

  async go() {
    if (this.busy || !this.end.offsetParent) return;
    this.busy = true;
    const more = await this.load().finally(() => { this.busy = false; });
    if (more) this.again();
  }

  // If the end is in sight still, that is told anew.
  again() {
    this.observer.unobserve(this.end);
    this.observer.observe(this.end);
  }
}
