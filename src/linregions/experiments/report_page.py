"""The look of the report: one HTML page with its own style, for light and dark screens, wide and narrow."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Complexity of Linear Regions in Deep Networks, measured</title>
<style>$css</style>
</head>
<body>
<main>
<header>
<h1>Complexity of Linear Regions in Deep Networks, measured</h1>
<p>Every figure of Hanin &amp; Rolnick (ICML 2019), reproduced with <code>linregions</code>, beside what the paper
says of it. Verdicts are computed from the tables. “±” is one standard error of the mean, over
runs unless something else is named.</p>
<p class="count">$count</p>
</header>
$missing
$overview
<section id="setup">
<h2>Set-up</h2>
<p>Fully connected ReLU networks, He normal weights, normal biases of variance 10<sup>−6</sup>, Adam at
10<sup>−3</sup>. The paper leaves open the batch size and the scale of pixels, here 128 and from 0 to 1, unless
settings below say otherwise.</p>
$setup
</section>
$sections
<footer><p>Made with $made</p></footer>
</main>
</body>
</html>
"""

CSS = """
:root { --text: #1d2327; --soft: #5b6670; --page: #ffffff; --card: #f4f6f8; --line: #d5dbe1; --link: #0b5cad;
  --holds: #0d6b4f; --fails: #b3380b; --open: #5b6670; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e8ec; --soft: #a3adb7; --page: #14181c; --card: #1e242a; --line: #39424b; --link: #7db8f5;
    --holds: #56c9a2; --fails: #ff9a6b; --open: #a3adb7; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0.5rem 0; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 0 0 1rem; }
a { color: var(--link); }
code { font-size: 0.9em; }
section { margin-top: 2.5rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
figure { margin: 0 0 1.25rem; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto; background: #ffffff; padding: 0.5rem;
  border: 1px solid var(--line); border-radius: 6px; }
figcaption, .criterion, footer, cite { color: var(--soft); font-size: 0.88rem; }
figcaption { text-align: center; margin-top: 0.4rem; }
cite { font-style: normal; white-space: nowrap; }
.count { font-size: 1.1rem; }
.note { background: var(--card); border-radius: 6px; padding: 0.6rem 0.9rem; }
.claim { background: var(--card); border-radius: 6px; padding: 0.75rem 1rem; margin: 0.9rem 0;
  overflow-wrap: anywhere; }
.claim p { margin: 0.45rem 0 0; }
.claim ul { margin: 0.3rem 0 0; padding-left: 1.3rem; font-variant-numeric: tabular-nums; }
blockquote { margin: 0; padding-left: 0.8rem; border-left: 3px solid var(--line); }
.badge { display: inline-block; border: 1.5px solid currentColor; border-radius: 1rem; padding: 0 0.6rem;
  font-size: 0.82rem; font-weight: 600; white-space: nowrap; margin-right: 0.35rem; }
.holds { color: var(--holds); }
.fails { color: var(--fails); }
.open { color: var(--open); }
details { margin: 0.6rem 0; }
summary { cursor: pointer; color: var(--link); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.85rem; margin: 0.5rem 0; }
th, td { text-align: left; padding: 0.25rem 0.7rem 0.25rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; font-variant-numeric: tabular-nums; }
.overview { width: 100%; font-size: 0.92rem; }
.overview td:first-child { white-space: nowrap; }
@media (max-width: 40rem) {
  .overview, .overview tbody, .overview tr, .overview td { display: block; border: 0; padding: 0; }
  .overview tr { border-bottom: 1px solid var(--line); padding: 0.5rem 0; }
  main { padding: 1rem 0.8rem 3rem; }
}
@media print { details { display: none; } section { break-inside: avoid; } }
"""
