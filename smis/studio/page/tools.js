/** The tools: what a pointer's path paints. Each is {key, title, hint, shape?}; shapes are drawn anew as the pointer moves. */

import * as raster from "./raster.js";

/** A corner moved so that the box from `start` is square. */
function square([x0, y0], [x1, y1]) {
  const side = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0));
  return [x0 + Math.sign(x1 - x0 || 1) * side, y0 + Math.sign(y1 - y0 || 1) * side];
}

/** An end moved so that the line is level, upright or diagonal. */
function straight([x0, y0], [x1, y1]) {
  const [dx, dy] = [Math.abs(x1 - x0), Math.abs(y1 - y0)];
  if (dx > 2 * dy) return [x1, y0];
  if (dy > 2 * dx) return [x0, y1];
  return square([x0, y0], [x1, y1]);
}

export const TOOLS = {
  brush: { key: "b", title: "Brush", hint: "Drag to paint the chosen class" },
  eraser: { key: "e", title: "Eraser", hint: "Drag to paint the background" },
  fill: { key: "g", title: "Fill", hint: "Click an area to give it the chosen class" },
  line: {
    key: "l", title: "Line", hint: "Drag a line as thick as the brush; Shift: level, upright or diagonal",
    shape: (from, to, { size, constrained, span }) => raster.line(from, constrained ? straight(from, to) : to, size, span),
  },
  rectangle: {
    key: "r", title: "Rectangle", hint: "Drag from corner to corner; Shift: a square",
    shape: (from, to, { constrained, span }) => raster.rectangle(from, constrained ? square(from, to) : to, span),
  },
  ellipse: {
    key: "o", title: "Ellipse", hint: "Drag from corner to corner; Shift: a circle",
    shape: (from, to, { constrained, span }) => raster.ellipse(from, constrained ? square(from, to) : to, span),
  },
  lasso: { key: "p", title: "Lasso", hint: "Drag around an area, or click its corners; Enter or a double-click closes it" },
  pick: { key: "i", title: "Pick", hint: "Click the map to take the class there; Alt-click does it with any tool" },
};
