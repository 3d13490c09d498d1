/*
 * Settings that would change how values are printed, pinned while we decode.
 */
#ifndef DELTASTREAM_SETTINGS_H
#define DELTASTREAM_SETTINGS_H

extern int settings_pin(void);
extern void settings_restore(int level);

#endif
