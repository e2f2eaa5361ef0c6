// Elements and addresses that the page itself never makes.
[...document.querySelectorAll('body *')].filter((one) =>
  one.matches('script, iframe, object, embed, style, base, meta, foreignObject, video, audio, body img:not(.brand img)')
  || [...one.attributes].some((a) => /^on/i.test(a.name)
  || (/^(href|src|action)$/.test(a.name) && !/^(https?:|mailto:|\/($|\?|api|static)|#content)/i.test(a.value)))).map((one) => one.outerHTML.slice(0, 200))
