"""File names as a hostile person would choose them: forty, each wanting to be more than a name."""

HOSTILE_NAMES = (
    # HTML
    "<img src=x onerror=alert(1)>.png",
    "'><svg onload=alert(2)>.png",
    "<script>alert(3)<script>.png",
    "<iframe srcdoc='<script>alert(4)'>.png",
    "<b>bold</b><br><hr>.png",
    "&lt;img src=x onerror=alert(5)&gt;.png",
    "&#60;script&#62;alert(6).png",
    "<style>*{display:none}<style>.png",
    "<a href=javascript:alert(7)>x<a>.png",
    "<!--.png",
    "</div></span></p>.png",
    # an attribute's end
    '" autofocus onfocus="alert(8)".png',
    "' onmouseover='alert(9)'.png",
    "x.png?a=1&b=2#c",
    # Markdown and what Streamlit adds to it
    "![x](http://127.0.0.1:9/x.png).png",
    "[link](http://127.0.0.1:9/).png",
    "[link](javascript:alert(10)).png",
    "<http://127.0.0.1:9/>.png",
    "$x$ :red[a] *b* **c** ~~d~~ :smile: :material/home:.png",
    "# title.png",
    "- one\n- two\n1. three.png",
    "| a | b |\n|---|---|.png",
    "`one` ``two`` ```three```.png",
    "`.png",
    "\\`\\*escaped\\*.png",
    "first\nsecond\r\n# third.png",
    # formats of charts and of Python
    "%{y} {k} {0} {{x}}.png",
    "%s %n %(name)s.png",
    "<extra></extra><b>%{x}.png",
    "{{constructor.constructor('alert(11)')()}}.png",
    "${alert(12)}.png",
    # paths
    "../../etc/passwd.png",
    "..\\..\\windows\\win.ini",
    "con.png:stream",
    "/etc/passwd",
    "file.png%00.html",
    # what is not seen, or seen wrongly
    "\u202egnp.exe.png",
    " .png",
    "\u200b\ufeff\u2028.png",
    "a" * 296 + ".png",
)
