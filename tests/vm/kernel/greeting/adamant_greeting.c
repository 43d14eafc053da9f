// SPDX-License-Identifier: GPL-2.0
// A module of a person's own, as tests build it: it says its greeting in a file below /proc.
#include <linux/init.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

static char *greeting = "hello";
module_param(greeting, charp, 0444);
MODULE_PARM_DESC(greeting, "what it says");

static int show(struct seq_file *file, void *unused)
{
	seq_printf(file, "%s\n", greeting);
	return 0;
}

static int __init begin(void)
{
	return proc_create_single("adamant_greeting", 0444, NULL, show) ? 0 : -ENOMEM;
}

static void __exit end(void)
{
	remove_proc_entry("adamant_greeting", NULL);
}

module_init(begin);
module_exit(end);
MODULE_DESCRIPTION("Says a greeting");
MODULE_LICENSE("GPL");
