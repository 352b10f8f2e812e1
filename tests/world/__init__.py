"""The world around bellrelay, for tests and for `make run`.

    certs        certificates, good and bad, made on the fly
    behave       what a server can do to its client
    contract     what incident.io takes, and what it makes of it
    incidentio   the stand-in for incident.io
    montecarlo   the sender: published webhooks and the published signature
    fastcgi      a FastCGI client that can lie
    site         an installation in a directory of its own
    servers      the same behind each web server that there is a file for
    image        a machine of its own, to install on and to boot
    text         what README.md tells to do
    demo         what `make run` shows

Runs with Debian's python3 and its packages alone.
"""
