/*
 * show: the story of one alert.
 */
#ifndef STORY_H
#define STORY_H

struct command;

extern const struct command story_show;

#endif
