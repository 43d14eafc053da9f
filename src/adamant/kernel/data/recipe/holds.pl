# Whether a file holds all bytes of another. Arguments: the file, the other. Ends with 4 when it does not.
use strict;
use warnings;

my @contents;
for my $name (@ARGV) {
    open(my $file, '<:raw', $name) or die "cannot read $name\n";
    local $/;
    push @contents, <$file>;
}
exit 0 if length($contents[1]) && index($contents[0], $contents[1]) >= 0;
print "$ARGV[0] does not hold $ARGV[1]\n";
exit 4;
