/* Kernel modules of the initrd, and the watchdog that one of them may drive. */
#ifndef ADAMANT_MODULES_H
#define ADAMANT_MODULES_H

/* Loads each module that /modules.load names, in that order, and removes its file. */
void modules_load(void);

/* Starts the hardware watchdog, if there is one: from now on a machine that hangs is reset. PID 1 of the system takes it
 * over; until then it runs on, since it is left open and closed by exec without the magic character. */
void watchdog_arm(void);

#endif
