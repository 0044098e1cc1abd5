#!/bin/sh
# examples/debian_pool on a small manual and a small dictionary made here: labels are cut from the
# text, repeats and near copies of the target go, the answer comes from tags and headers.
# usage: demo_pool.sh SOURCE BUILD
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 - <<'PY'
import json, random
D = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
def b64(n):
    s = ""
    while True:
        s, n = D[n & 63] + s, n >> 6
        if not n:
            return s
r = random.Random(7)
words = ["".join(r.choice("bdfgklmnprstv") + r.choice("aeiou") for _ in range(3)) for _ in range(400)]
say = lambda n: " ".join(r.choice(words) for _ in range(n))
body, index = b"", []
def entry(word, text):
    global body
    e = f"{word}\n\n   {text}\n\n   (1999-01-01)\n\n".encode()
    index.append(f"{word.lower()}\t{b64(len(body))}\t{b64(len(e))}")
    body += e
net = [say(30) for _ in range(40)]
for i, t in enumerate(net):
    entry(f"net {i}", f"<networking, protocol> {t} {{link {i}}} <networking> \"q\\uote\"")
index.append("alias\t" + index[0].split("\t", 1)[1])
for i in range(30):
    entry(f"other {i}", f"<language> {say(30)}")
entry("short", "<language> too short")
entry("00entry", "<language> " + say(30))
index.append(f"damaged\t{b64(len(body) - 3)}\t{b64(999)}")
open("f.index", "w").write("\n".join(index) + "\n")
open("f.dict", "wb").write(body)
bold = lambda s: "".join(c + "\b" + c for c in s)
def man(name, include, paragraphs):
    return (f"\x01{name}\n{name}   title\n\nNAME\n       {name} - {say(20)}\n\nSYNOPSIS\n       #include <{include}>\n\n       {say(20)}\n\nDESCRIPTION\n"
            + "\n".join(f"       {p}\n" for p in paragraphs) + f"\n   Sub heading\n       {say(25)}\n\nSEE ALSO\n       {say(30)}\n\nend of page\n")
m = man("sock.2", "sys/socket.h", [bold("É" + say(20)), say(22)]) + man("plain.3", "stdio.h", [say(24), "tiny"])
# near copies of every networking entry, and an exact repeat
m += man("copies.7", "stdio.h", net + [say(5)]) + man("again.7", "stdio.h", net[:5])
open("man.txt", "w").write(m)
PY
"$2/examples/debian_pool" man.txt f.index f.dict pool.jsonl target.jsonl 2>said || { cat said; exit 1; }
python3 - <<'PY'
import json
P = [json.loads(l) for l in open("pool.jsonl", encoding="utf-8")]
T = [json.loads(l) for l in open("target.jsonl", encoding="utf-8")]
by = lambda rows, source: [p for p in rows if p["source"] == source]
f, m = by(P, "foldoc"), by(P, "man")
assert len(T) > 5 and len(T) + len([p for p in f if p["answer"] == "networking"]) == 40, (len(T), len(f))
assert len([p for p in f if p["topic"] == "language"]) == 31 or len([p for p in f if p["topic"] == "language"]) == 30
assert all(p["topic"] == p["answer"] == "networking" and p["source"] == "foldoc" for p in T)
for p in P + T:
    assert "networking" not in p["text"] and "<" not in p["text"] and "{" not in p["text"] and "\b" not in p["text"], p
    assert "1999" not in p["text"] and "  " not in p["text"] and 80 <= len(p["text"].encode()) <= 4000, p
assert all('"q\\uote"' in t["text"] for t in T)
sock = [p for p in m if p["page"] == "sock.2"]
assert len(sock) == 3 and all(p["topic"] == "sockets" and p["answer"] == "networking" for p in sock), sock
assert sock[0]["text"][0] == "É" and sock[0]["id"] == "man:sock.2:1"
assert [p["topic"] for p in m if p["page"] == "plain.3"] == ["man3"] * 2
# a manual paragraph that copies a target is gone; those that copy an entry of the pool stay, once
copies = [p for p in m if p["page"] in ("copies.7", "again.7") and p["id"].split(":")[2] != "41"]
assert not any(c["text"] in t["text"] for c in copies for t in T)
assert len({p["text"] for p in P}) == len(P) and len({p["id"] for p in P + T}) == len(P) + len(T)
kept = sum(any(c["text"] in p["text"] for c in copies) for p in f if p["answer"] == "networking")
assert kept == 40 - len(T), (kept, len(T))
PY
for lack in none.txt; do
    if "$2/examples/debian_pool" $lack f.index f.dict p t 2>said; then echo "a missing file passed"; exit 1; fi
    grep -q 'none.txt: No such file' said
done
: >empty
if "$2/examples/debian_pool" empty empty empty p t 2>said; then echo "nothing at all passed"; exit 1; fi
echo "the pool is as it should be"
