"""How the HTML report looks."""

from typing import Final

from compat_tests.report import OUTCOMES

_HIDING: Final = "\n".join(
    f"#show-{outcome}:not(:checked) ~ section .result.{outcome} {{ display: none }}" for outcome in OUTCOMES
)

CSS: Final = f"""
:root {{
  color-scheme: light dark;
  --ground: #ffffff; --text: #1c1e21; --faint: #656d76; --line: #d5d9de; --box: #f5f6f8;
  --passed: #1a7f37; --accepted: #8a5a00; --failed: #c31d2b; --skipped: #656d76; --failed-box: #fdebec;
}}
@media (prefers-color-scheme: dark) {{
  :root {{
    --ground: #15181c; --text: #e4e7eb; --faint: #98a1ab; --line: #343a42; --box: #1e2228;
    --passed: #4ec36a; --accepted: #dba94a; --failed: #ff7b7f; --skipped: #98a1ab; --failed-box: #3a1d20;
  }}
}}
* {{ box-sizing: border-box }}
body {{
  margin: 0 auto; max-width: 90rem; padding: 1.5rem; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif;
}}
h1 {{ margin: 0 0 .5rem; font-size: 1.6rem }}
h2 {{ margin: 2rem 0 .5rem; font-size: 1.15rem }}
h3, h4 {{ margin: .75rem 0 .25rem; font-size: .85rem; color: var(--faint) }}
header p {{ margin: .15rem 0; color: var(--faint) }}
header b {{ color: var(--text) }}
.stopped {{ color: var(--failed) }}
main > input {{ margin: 1.25rem .35rem 1.25rem 0; vertical-align: middle }}
main > label {{ margin-right: 1.25rem; font-weight: 600; vertical-align: middle; cursor: pointer; white-space: nowrap }}
.passed {{ color: var(--passed) }}
.accepted {{ color: var(--accepted) }}
.failed {{ color: var(--failed) }}
.skipped {{ color: var(--skipped) }}
table {{ border-collapse: collapse; margin: .5rem 0 1.25rem }}
th, td {{ padding: .25rem .75rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }}
.summary td, .summary thead th:not(:first-child) {{ text-align: right; font-variant-numeric: tabular-nums }}
.summary td[class=""] {{ color: var(--faint) }}
a {{ color: inherit }}
.reasons ul {{ margin: 0; padding-left: 1.25rem }}
details.result {{ margin: .35rem 0; border: 1px solid var(--line); border-radius: 6px; background: var(--box) }}
details.result > summary {{ padding: .4rem .75rem; cursor: pointer; color: var(--text) }}
details.result > *:not(summary) {{ margin-left: .75rem; margin-right: .75rem }}
details.result.failed {{ border-color: var(--failed) }}
details.result.passed > summary b {{ color: var(--passed) }}
details.result.accepted > summary b {{ color: var(--accepted) }}
details.result.failed > summary b {{ color: var(--failed) }}
details.result.skipped > summary b {{ color: var(--skipped) }}
details.result {{ color: var(--text) }}
.reason, .tags {{ color: var(--faint); margin-top: .25rem; margin-bottom: .25rem }}
details.asked {{ margin-bottom: .5rem; border-top: 1px solid var(--line) }}
details.asked > summary {{ padding: .3rem 0; cursor: pointer; font: 13px/1.5 ui-monospace, monospace }}
details.asked > summary {{ overflow-wrap: anywhere }}
details.asked.differs > summary {{ color: var(--failed) }}
.accepted > details.asked.differs > summary {{ color: var(--accepted) }}
.columns {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: .75rem }}
pre {{
  margin: 0; padding: .6rem; max-height: 26rem; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere;
  background: var(--ground); border: 1px solid var(--line); border-radius: 4px; font: 12px/1.5 ui-monospace, monospace;
}}
code {{ font: .88em ui-monospace, monospace; overflow-wrap: anywhere }}
.differences {{ width: 100% }}
.differences td {{ overflow-wrap: anywhere; font: 12.5px/1.5 ui-monospace, monospace; color: var(--text) }}
.differences th {{ font-size: .8rem; color: var(--faint) }}
.differences tr.failed td {{ background: var(--failed-box); color: var(--failed) }}
.differences tr.accepted td {{ color: var(--accepted) }}
.differences tr.why td {{ border-bottom: 1px solid var(--line); color: var(--faint) }}
@media (max-width: 40rem) {{
  body {{ padding: .75rem }}
  th, td {{ padding: .25rem .3rem }}
  .summary {{ font-size: .85rem }}
  main > input {{ margin-top: .5rem; margin-bottom: .5rem }}
}}
{_HIDING}
"""
