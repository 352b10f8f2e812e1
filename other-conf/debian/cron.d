# bellrelay, as root, who acts as the owner of the spool.

# Delivers what waits.  Needed where no process stays (mod_fcgid, plain CGI),
# harmless elsewhere: take the # away.
#* * * * * root bellrelay drain --due 2>>/var/log/bellrelay.log

17 4 * * * root ! bellrelay check >/dev/null 2>&1 || bellrelay prune >/dev/null
