// What a screen reader finds no name of.
[...document.querySelectorAll('a, button, input, select, textarea, svg[role], [role=region]')]
  .filter((one) => one.checkVisibility() && !(one.ariaLabel || one.textContent.trim() || one.labels?.length || one.querySelector('title')))
  .map((one) => one.outerHTML.slice(0, 120))
