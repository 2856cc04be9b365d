/** Undo and redo without end: each change is a patch of the map, another look, or both. */

export class History {
  /** `entries`: {title, patch?, looks?: [before, after], maps?: [before, after], thumb?}; `at`: how many are applied. */
  constructor(entries = [], at = entries.length) {
    [this.entries, this.at] = [entries, at];
  }

  get canUndo() {
    return this.at > 0;
  }

  get canRedo() {
    return this.at < this.entries.length;
  }

  /** Add what was just done; what had been taken back is gone. */
  push(entry) {
    this.entries.length = this.at;
    this.entries.push(entry);
    this.at = this.entries.length;
  }

  /** Return the entry to take back, or undefined. */
  undo() {
    return this.canUndo ? this.entries[--this.at] : undefined;
  }

  /** Return the entry to make again, or undefined. */
  redo() {
    return this.canRedo ? this.entries[this.at++] : undefined;
  }
}
