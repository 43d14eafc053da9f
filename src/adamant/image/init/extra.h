#ifndef ADAMANT_EXTRA_H
#define ADAMANT_EXTRA_H

/* Carry over what the stub of the UKI has put into the initrd for an encrypted disk: the public key of the policy, and
 * its signature of PCR 11. Both go where systemd looks for them, in /run, which has to be mounted. Does nothing in an image
 * without them. They are no secret, and nothing trusts them: the TPM checks the signature, and the disk knows the key.
 */
void extra_carry(void);

#endif
