/*
 * doctor: check, and the world: destinations, what the spool tells, the web
 * server.  Findings for people, JSON for programs, a first line and an exit
 * status for Nagios and monit.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

struct command;

extern const struct command doctor_command;

#endif
