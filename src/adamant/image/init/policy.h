#ifndef ADAMANT_POLICY_H
#define ADAMANT_POLICY_H

/* Put the image's policy of mandatory access control (AppArmor) in force and have the next program that this one becomes
 * run under it. Does nothing when the image has none. Call it in the machine's root, with /proc and /sys there.
 */
void policy_enter(void);

#endif
