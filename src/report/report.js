
"use strict";
/* Two comforts; the page is whole without them. Values are shown beside the mouse at once, and a click on a
 * column's name sorts its table. */
(function () {
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "status");
  document.body.append(tip);

  /* The words of a mark are its <title>. It is emptied on the first visit, or the browser would show it too;
     without any it would show that of the whole picture. */
  function wordsOf(mark) {
    const title = mark.querySelector(":scope > title");
    if (title && title.textContent) {
      mark.setAttribute("aria-label", title.textContent);
      title.textContent = "";
    }
    return mark.getAttribute("aria-label");
  }

  function show(event) {
    const mark = event.target.closest("svg rect, svg circle, svg path");
    const words = mark && wordsOf(mark);
    tip.hidden = !words;
    if (!words) return;
    tip.textContent = words;
    const box = tip.getBoundingClientRect();
    const left = Math.min(event.clientX + 14, innerWidth - box.width - 8);
    const below = event.clientY + 18;
    tip.style.left = Math.max(left, 4) + "px";
    tip.style.top = (below + box.height > innerHeight ? event.clientY - box.height - 10 : below) + "px";
  }
  document.addEventListener("pointermove", show);
  document.addEventListener("pointerdown", show);
  document.addEventListener("pointerleave", function () { tip.hidden = true; });
  document.addEventListener("scroll", function () { tip.hidden = true; }, true);

  /* What is no number comes last, whichever way is up. */
  function compareNumbers(a, b, direction) {
    const x = parseFloat(a), y = parseFloat(b);
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
    return direction * (x - y);
  }
  const words = new Intl.Collator("en", { numeric: true });

  function sort(table, column, header) {
    const numbers = header.classList.contains("n");
    const was = header.getAttribute("aria-sort");
    /* The greatest numbers and the first words are what one looks for. */
    const first = numbers ? "descending" : "ascending", second = numbers ? "ascending" : "descending";
    const order = was === first ? second : first;
    const direction = order === "ascending" ? 1 : -1;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", order);
    const body = table.tBodies[0];
    const printed = body.querySelectorAll("tr:not(.more)").length;
    const rows = Array.from(body.rows, function (row) { return { row: row, text: row.cells[column].textContent }; });
    rows.sort(function (a, b) {
      return numbers ? compareNumbers(a.text, b.text, direction) : direction * words.compare(a.text, b.text);
    });
    rows.forEach(function (entry, place) { entry.row.classList.toggle("more", place >= printed); });
    body.append(...rows.map(function (entry) { return entry.row; }));
  }

  for (const table of document.querySelectorAll("main table")) {
    if (!table.tHead || table.tBodies[0].rows.length < 2) continue;
    Array.from(table.tHead.rows[0].cells).forEach(function (header, column) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = header.textContent;
      button.addEventListener("click", function () { sort(table, column, header); });
      header.replaceChildren(button);
    });
  }
})();
