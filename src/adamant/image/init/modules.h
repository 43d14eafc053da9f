/* Kernel modules of the initrd, and the watchdog that one of them may drive. */
#ifndef ADAMANT_MODULES_H
#define ADAMANT_MODULES_H

/* Modules that every boot needs, and those of disks that few machines have. */
#define MODULES_FIRST "/modules.load"
#define MODULES_DISKS "/modules.disks"

/* Loads each module that the file `names` names, in that order, and removes its file. */
void modules_load(const char *names);

/* Starts the hardware watchdog, if there is one: from now on a machine that hangs is reset. PID 1 of the system takes it
 * over; until then it runs on, since it is left open and closed by exec without the magic character. */
void watchdog_arm(void);

/* Tells the watchdog that this program still works, where one runs. */
void watchdog_keep(void);

#endif
