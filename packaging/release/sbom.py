#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sbom.py BUILD VERSION COMMIT TIME COMPILER...: an SPDX 2.3 document of BUILD/windsock, as JSON.
The compiler's dependency files list what was compiled, the program lists what it is linked with,
and dpkg or rpm know which packages own these files.  The output of a build is reproducible."""
import datetime
import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import urllib.parse

LICENSE = "Apache-2.0"
BUILTIN = "mappings/airflow.ini"
# Licenses by linked library or included header, as read in the libraries' license texts: not all
# packages of a system state theirs in a machine-readable way.
CONCLUDED = {
    "libc": "LGPL-2.1-or-later",
    "libm": "LGPL-2.1-or-later",
    "libevent_core": "BSD-3-Clause",
    "libinih": "BSD-3-Clause",
    "libmicrohttpd": "LGPL-2.1-or-later",
    "libpcre2-8": "BSD-3-Clause",
    "libsystemd": "LGPL-2.1-or-later",
    "libz": "Zlib",
    "uthash.h": "BSD-1-Clause",
}
# Debian's license names that differ from SPDX.
SPDX_NAMES = {"BSD-3-clause": "BSD-3-Clause", "LGPL-2.1+": "LGPL-2.1-or-later",
              "BSD-3-Clause": "BSD-3-Clause", "BSD-1-Clause": "BSD-1-Clause", "Zlib": "Zlib"}
# Headers that are compiled in, without a library.
HEADERS_ONLY = ("uthash.h",)


def ask(*command):
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ, LC_ALL="C"))
    return done.stdout.strip() if done.returncode == 0 else ""


def digest(path, algorithm):
    with open(path, "rb") as file:
        return hashlib.new(algorithm, file.read()).hexdigest()


def identifier(text):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")


def compiled(build):
    """The files of ours that are in the program: sources, headers, the mapping, as paths."""
    found = {BUILTIN}
    for name in glob.glob(build + "/src/*/*.d"):
        with open(name) as rules:
            words = re.sub(r"\\\n", " ", rules.read()).split()
        found.update(w.rstrip(":") for w in words if re.match(r"(src|include)/", w))
    return sorted(found)


def headers(compiler, sources):
    """The system's headers that they include."""
    words = ask(*compiler, "-M", *(s for s in sources if s.endswith(".c"))).split()
    return {os.path.normpath(w) for w in words if w.startswith("/")}


def linked(build, compiler):
    """{name: file} of the shared libraries that the program asks for."""
    names = re.findall(r"\(NEEDED\).*\[(.*)\]", ask("readelf", "-d", build + "/windsock"))
    return {n: ask(*compiler, "-print-file-name=" + n) for n in names}


def debian(path):
    real = os.path.realpath(path)
    for one in (real, real.replace("/usr/", "/", 1), "/usr" + real):
        owner = ask("dpkg-query", "-S", one).split(": ")[0].split(", ")[0]
        if owner:
            break
    else:
        return None
    text = "${Package}\t${Version}\t${Architecture}\t${Homepage}"
    name, version, arch, home = ask("dpkg-query", "-W", "-f", text, owner).split("\t")
    copyright_file = f"/usr/share/doc/{name}/copyright"
    declared = "NOASSERTION"
    if os.path.exists(copyright_file):
        with open(copyright_file, encoding="utf-8") as file:
            text = re.search(r"^Files: \*\n(?:.+\n)*?License: *(.*)$", file.read(), re.M)
        declared = SPDX_NAMES.get(text[1].strip(), declared) if text else declared
    return {"type": "deb", "name": name, "version": version, "arch": arch, "home": home,
            "declared": declared}


def rpm(path):
    text = "%{NAME}\t%{VERSION}-%{RELEASE}\t%{ARCH}\t%{URL}\t%{LICENSE}"
    found = ask("rpm", "-qf", "--qf", text, os.path.realpath(path))
    if not found:
        return None
    name, version, arch, home, declared = found.split("\t")
    return {"type": "rpm", "name": name, "version": version, "arch": arch, "home": home,
            "declared": declared}


def system(key):
    """What /etc/os-release says under that key."""
    with open("/etc/os-release") as file:
        return re.search(rf'^{key}="?([^"\n]+)', file.read(), re.M)[1]


def library(name, path):
    """The package, as SPDX has it, that a library or a header belongs to."""
    owner = debian(path) or rpm(path)
    if not owner:
        sys.exit(f"sbom: no package owns {path} ({name})")
    stem = name if name.endswith(".h") else re.sub(r"(-\d+\.[\d.]+)?\.so.*", "", name)
    if stem not in CONCLUDED:
        sys.exit(f"sbom: add the license of {stem} to packaging/release/sbom.py")
    purl = "pkg:{}/{}/{}@{}?arch={}".format(
        owner["type"], system("ID"), urllib.parse.quote(owner["name"]),
        urllib.parse.quote(owner["version"], safe="~+"), owner["arch"])
    return {
        "SPDXID": identifier("Package-" + owner["name"]),
        "name": owner["name"],
        "versionInfo": owner["version"],
        "supplier": "Organization: " + system("NAME"),
        "downloadLocation": "NOASSERTION",
        "homepage": owner["home"] or "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": CONCLUDED[stem],
        "licenseDeclared": owner["declared"],
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "LIBRARY",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                          "referenceLocator": purl}],
    }


def license_of(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        found = re.search(r"SPDX-License-Identifier: (\S+)", file.read(2000))
    return found[1] if found else "NOASSERTION"


def entry(path, name, kind, license):
    return {
        "SPDXID": identifier("File-" + name),
        "fileName": "./" + name,
        "fileTypes": [kind],
        "checksums": [{"algorithm": a.upper(), "checksumValue": digest(path, a)}
                      for a in ("sha1", "sha256")],
        "licenseConcluded": license,
        "licenseInfoInFiles": [license],
        "copyrightText": "NOASSERTION",
    }


def verification(files):
    """SPDX 2.3, 7.9: the SHA-1 of the sorted SHA-1s of all files."""
    sums = sorted(f["checksums"][0]["checksumValue"] for f in files)
    return hashlib.sha1("".join(sums).encode()).hexdigest()


def document(build, version, commit, time, compiler):
    sources = compiled(build)
    files = [entry(p, p, "SOURCE", license_of(p)) for p in sources]
    program = entry(build + "/windsock", "build/windsock", "BINARY", LICENSE)
    windsock = {
        "SPDXID": "SPDXRef-Package-windsock",
        "name": "windsock",
        "versionInfo": version,
        "sourceInfo": "git commit " + commit,
        "supplier": "Organization: The windsock authors",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": True,
        "packageVerificationCode": {
            "packageVerificationCodeValue": verification(files),
            "packageVerificationCodeExcludedFiles": [program["fileName"]]},
        "licenseConcluded": LICENSE,
        "licenseDeclared": LICENSE,
        "licenseInfoFromFiles": sorted({f["licenseConcluded"] for f in files}),
        "copyrightText": "NOASSERTION",
        "primaryPackagePurpose": "APPLICATION",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                          "referenceLocator": f"pkg:generic/windsock@{version}"}],
    }
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", windsock)]
    relations += [(windsock["SPDXID"], "CONTAINS", f) for f in [*files, program]]
    relations += [(program["SPDXID"], "GENERATED_FROM", f) for f in files]
    packages = {}
    ways = [(name, path, "DYNAMIC_LINK") for name, path in linked(build, compiler).items()]
    ways += [(os.path.basename(h), h, "STATIC_LINK") for h in headers(compiler, sources)
             if os.path.basename(h) in HEADERS_ONLY]
    for name, path, how in sorted(ways):
        one = library(name, path)
        if one["SPDXID"] not in packages:
            relations.append((program["SPDXID"], how, one))
        packages.setdefault(one["SPDXID"], one)
    made = datetime.datetime.fromtimestamp(int(time), datetime.timezone.utc)
    result = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "windsock-" + version,
        "documentNamespace": "",
        "creationInfo": {"created": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
                         "creators": ["Organization: The windsock authors",
                                      "Tool: windsock-sbom-" + version]},
        "packages": [windsock, *(packages[k] for k in sorted(packages))],
        "files": [*files, program],
        "relationships": [{"spdxElementId": a, "relationshipType": how,
                           "relatedSpdxElement": b["SPDXID"]} for a, how, b in relations],
    }
    # It has to differ whenever the document does.
    whole = hashlib.sha256(json.dumps(result).encode()).hexdigest()
    result["documentNamespace"] = f"https://windsock.invalid/spdx/windsock-{version}-{whole}"
    return result


def main():
    build, version, commit, time, *compiler = sys.argv[1:]
    json.dump(document(build, version, commit, time, compiler), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
