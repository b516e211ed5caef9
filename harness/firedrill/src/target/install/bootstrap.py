"""Gets one pinned pip wheel from the user's own package index, for Pythons that come without pip.

usage: bootstrap.py settings
       bootstrap.py fetch FILE_NAME SHA256 FOLDER

`settings` prints the index settings that pip would use as JSON, so that other installers can be given the same.
"""

import base64
import configparser
import hashlib
import html.parser
import http.client
import json
import os
import pathlib
import ssl
import sys
import urllib.parse
import urllib.request

# What pip itself uses when nothing is configured.
DEFAULT_INDEX = "https://pypi.org/simple"
LIMIT_BYTES = 64 << 20
KEYS = ("index-url", "extra-index-url", "find-links", "no-index", "cert", "trusted-host", "proxy")


def config_files():
    """pip's configuration files, least important first."""
    named = os.environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    home = pathlib.Path.home()
    config_home = pathlib.Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    folders = [pathlib.Path(folder) for folder in os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if folder]
    files = [folder / "pip" / "pip.conf" for folder in folders] + [pathlib.Path("/etc/pip.conf")]
    if sys.platform == "darwin":
        files.append(home / "Library" / "Application Support" / "pip" / "pip.conf")
    files += [home / ".pip" / "pip.conf", config_home / "pip" / "pip.conf"]
    return files + ([pathlib.Path(named)] if named else [])


def settings():
    found = {}
    for file in config_files():
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (OSError, configparser.Error, UnicodeDecodeError):
            continue
        for section in ("global", "install"):
            for key in KEYS:
                for spelling in (key, key.replace("-", "_")):
                    if parser.has_option(section, spelling):
                        found[key] = parser.get(section, spelling)
    for key in KEYS:
        value = os.environ.get("PIP_" + key.upper().replace("-", "_"))
        if value:
            found[key] = value
    return {
        "index_url": found.get("index-url"),
        "extra_index_urls": found.get("extra-index-url", "").split(),
        "find_links": found.get("find-links", "").split(),
        "no_index": found.get("no-index", "").strip().lower() in ("1", "true", "yes", "on", "t", "y"),
        "cert": found.get("cert"),
        "trusted_hosts": found.get("trusted-host", "").split(),
        "proxy": found.get("proxy"),
    }


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.links = []

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]


def fetch(url, chosen):
    """The bytes behind a URL; the proxy comes from pip's settings or the environment, credentials from the URL."""
    parts = urllib.parse.urlsplit(url)
    headers = {"Accept": "text/html, application/vnd.pypi.simple.v1+html;q=0.9, */*;q=0.1"}
    if parts.username is not None:
        pair = urllib.parse.unquote(parts.username) + ":" + urllib.parse.unquote(parts.password or "")
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    context = ssl.create_default_context()
    if chosen["cert"]:
        context.load_verify_locations(chosen["cert"])
    if parts.hostname in {host.partition(":")[0] for host in chosen["trusted_hosts"]}:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    handlers = [urllib.request.HTTPSHandler(context=context)]
    if chosen["proxy"]:
        handlers.append(urllib.request.ProxyHandler({"http": chosen["proxy"], "https": chosen["proxy"]}))
    opener = urllib.request.build_opener(*handlers)
    timeout = float(os.environ.get("PIP_DEFAULT_TIMEOUT") or 30)
    try:
        request = urllib.request.Request(urllib.parse.urlunsplit(parts), headers=headers)
        with opener.open(request, timeout=timeout) as answer:
            content = answer.read(LIMIT_BYTES + 1)
            if len(content) > LIMIT_BYTES:
                sys.exit("%s is longer than %d bytes" % (public(url), LIMIT_BYTES))
            return content, answer.geturl()
    except (OSError, http.client.HTTPException, ValueError) as error:
        sys.exit("cannot get %s: %s" % (public(url), error))


def named(url, file_name):
    return urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2] == file_name


def page_links(page, chosen, file_name):
    content, base = fetch(page, chosen)
    parser = Links()
    parser.feed(content.decode("utf-8", "replace"))
    # A redirect drops credentials of the page; links on the same host get them back.
    asked = urllib.parse.urlsplit(page)
    for link in parser.links:
        url = urllib.parse.urlsplit(urllib.parse.urljoin(base, link))
        if asked.username is not None and url.username is None and url.hostname == asked.hostname:
            url = url._replace(netloc=asked.netloc.rpartition("@")[0] + "@" + url.netloc)
        url = urllib.parse.urlunsplit(url._replace(fragment=""))
        if named(url, file_name):
            yield url


def candidates(file_name, chosen):
    """Lazily: each place is asked only when the ones before it did not have the file."""
    for place in chosen["find_links"]:
        local = pathlib.Path(urllib.request.url2pathname(place[7:]) if place.startswith("file://") else place)
        if local.is_dir():
            if (local / file_name).is_file():
                yield (local / file_name).resolve().as_uri()
        elif "://" in place:
            yield from page_links(place, chosen, file_name)
    if chosen["no_index"]:
        return
    project = file_name.partition("-")[0]
    for index in [chosen["index_url"] or DEFAULT_INDEX] + chosen["extra_index_urls"]:
        yield from page_links(index.rstrip("/") + "/" + project + "/", chosen, file_name)


def public(url):
    """A URL without credentials, for messages."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def main():
    chosen = settings()
    if sys.argv[1] == "settings":
        print(json.dumps(chosen))
        return 0
    file_name, sha256, folder = sys.argv[2:5]
    seen = []
    for url in candidates(file_name, chosen):
        content, _ = fetch(url, chosen)
        if hashlib.sha256(content).hexdigest() == sha256:
            (pathlib.Path(folder) / file_name).write_bytes(content)
            return 0
        seen.append(public(url))
    if seen:
        sys.exit("%s does not have the pinned SHA-256 at %s" % (file_name, ", ".join(seen)))
    sys.exit("%s is not on the configured package index" % file_name)


if __name__ == "__main__":
    sys.exit(main())
