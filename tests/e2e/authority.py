"""A certificate authority for tests: the openssl command, in a directory of its own."""

from conftest import run

CONFIG = """
[ca]
default_ca = here
[here]
dir = {dir}
database = {dir}/index
serial = {dir}/serial
crlnumber = {dir}/crlnumber
new_certs_dir = {dir}
certificate = {dir}/ca.crt
private_key = {dir}/ca.key
default_md = sha256
default_days = 2
default_crl_days = 2
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = optional
"""
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Authority:
    def __init__(self, directory, name="authority"):
        directory.mkdir()
        self.directory, self.config = directory, directory / "config"
        self.config.write_text(CONFIG.format(dir=directory))
        (directory / "index").write_text("")
        (directory / "serial").write_text("01\n")
        (directory / "crlnumber").write_text("01\n")
        self.file = directory / "ca.crt"
        run("openssl", "req", "-x509", *CURVE, "-keyout", directory / "ca.key", "-out", self.file,
            "-days", "2", "-subj", f"/CN={name}", check=True)

    def make(self, name, *alternatives, purpose="clientAuth", dates=()):
        """(certificate, key) of a client, or with purpose="serverAuth" of a server."""
        stem = self.directory / f"{name.replace('/', '-')}-{len(list(self.directory.iterdir()))}"
        csr, certificate, key = (stem.with_suffix(s) for s in (".csr", ".crt", ".key"))
        names = ("-addext", "subjectAltName=" + ",".join(alternatives)) if alternatives else ()
        run("openssl", "req", "-new", *CURVE, "-keyout", key, "-out", csr, "-subj", f"/CN={name}",
            *names, "-addext", f"extendedKeyUsage={purpose}", check=True)
        run("openssl", "ca", "-config", self.config, "-batch", "-notext", "-in", csr, "-out", certificate,
            *dates, check=True)
        return certificate, key

    def server(self, name="localhost"):
        return self.make(name, f"DNS:{name}", "IP:127.0.0.1", purpose="serverAuth")

    def revoke(self, certificate):
        run("openssl", "ca", "-config", self.config, "-revoke", certificate, check=True)

    def revoked(self):
        """The file with the list of those that were revoked, as of now."""
        file = self.directory / "revoked.pem"
        run("openssl", "ca", "-config", self.config, "-gencrl", "-out", file, check=True)
        return file
