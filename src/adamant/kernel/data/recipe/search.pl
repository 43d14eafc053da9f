# Look for the private parts of a key in every file below some folders. Arguments: the key (PEM), a folder that is left
# out, the folders. Ends with 3, and names the file, when it finds one: a build with a leak is no build.
use strict;
use warnings;
use File::Find;

my ($key, $except, @folders) = @ARGV;
open(my $text, '-|', 'openssl', 'pkey', '-in', $key, '-noout', '-text') or die "cannot read the key\n";
my (%parts, $label);
while (<$text>) {
    if (/^([A-Za-z0-9]+):/) { $label = $1; }
    elsif (/^\s+([0-9a-f:]+)$/ && defined $label) { (my $hex = $1) =~ tr/://d; $parts{$label} .= $hex; }
}
close($text) or die "cannot read the key\n";
my @secrets;
for my $name (qw(priv privateExponent prime1 prime2)) {
    next unless defined $parts{$name};
    (my $hex = $parts{$name}) =~ s/^(00)+//;
    push @secrets, pack('H*', $hex);
}
open(my $pem, '<', $key) or die "cannot read the key\n";
my $inside = 0;
while (<$pem>) {
    chomp;
    if (/BEGIN .*PRIVATE KEY/) { $inside = 1; }
    elsif (/END .*PRIVATE KEY/) { $inside = 0; }
    elsif ($inside) { push @secrets, $_; }
}
die "the key has no private part\n" unless @secrets > 1 && length($secrets[0]) >= 32;
my ($files, $found) = (0, 0);
find({ no_chdir => 1, wanted => sub {
    if ($_ eq $except) { $File::Find::prune = 1; return; }
    return if -l $_ || !-f $_;
    open(my $file, '<:raw', $_) or die "cannot read $_\n";
    local $/;
    my $data = <$file>;
    $files++;
    for my $secret (@secrets) {
        if (index($data, $secret) >= 0) { print "the key is in $_\n"; $found++; last; }
    }
} }, @folders);
print "searched $files files for the key: $found have it\n";
exit($found ? 3 : 0);
